#include "core/planner.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "core/coverage.hpp"
#include "core/naming.hpp"
#include "core/text.hpp"

namespace ppm {

namespace {

std::string range_text(LocalTime lower, LocalTime upper) {
    return to_text(lower) + " to " + to_text(upper);
}

class Planner {
  public:
    Planner(const Parent& parent, const KeyCodec& codec, const RelationExists& relation_exists)
        : parent_{parent}, codec_{codec}, relation_exists_{relation_exists} {
        for (const Partition& partition : parent.partitions) {
            const BoundRange covered =
                partition.detach_pending ? keyless_start(partition.bounds) : partition.bounds;
            if (!covered.empty())
                covered_.push_back(covered);
        }
    }

    Plan plan(const Window& window) {
        for (const Slot& slot : slots_of(window))
            fill(slot);
        return std::move(plan_);
    }

  private:
    const std::string& table() const { return parent_.configuration.table_name; }

    // What a partition that is being detached still covers: the start of it that no key lies in,
    // which the slot before it must leave out (see KeyCodec::canonical()).
    BoundRange keyless_start(const BoundRange& bounds) const {
        return {bounds.lower, std::min(codec_.canonical(bounds.lower), bounds.upper)};
    }

    // Plans what of the slot nothing covers.
    void fill(const Slot& slot) {
        const BoundRange range{codec_.encode(slot.lower), codec_.encode(slot.upper)};
        for (const BoundRange& hole : holes_in(range, covered_)) {
            const BoundRange edges{codec_.canonical(hole.lower), codec_.canonical(hole.upper)};
            if (edges.empty())
                continue;
            add(edges == range ? whole(slot, hole) : piece(hole));
        }
    }

    CreatePartition whole(const Slot& slot, const BoundRange& bounds) const {
        return {slot_name(table(), parent_.configuration.interval, slot), bounds, slot.lower,
                slot.upper};
    }

    CreatePartition piece(const BoundRange& bounds) const {
        const LocalTime lower = codec_.decode(bounds.lower);
        const LocalTime upper = codec_.decode(bounds.upper);
        const std::string name = piece_name(table(), lower, upper);
        std::string unique = name;
        for (int number = 2; names_.contains(unique) || own_partition(unique) != nullptr; ++number)
            unique = name + "_" + std::to_string(number);
        return {std::move(unique), bounds, lower, upper};
    }

    void add(CreatePartition wanted) {
        names_.insert(wanted.name);
        if (auto reason = obstacle_to(wanted))
            plan_.obstacles.push_back({std::move(wanted), *std::move(reason)});
        else
            plan_.actions.emplace_back(std::move(wanted));
    }

    std::optional<Anomaly> obstacle_to(const CreatePartition& wanted) const {
        if (const Partition* pending = pending_over(wanted.bounds))
            return Anomaly{AnomalyCode::pending_detach, pending->name,
                           "Partition " + in_quotes(pending->name) +
                               " was being detached and still holds " + held_by(*pending) + ".",
                           "Finish it with ALTER TABLE ... DETACH PARTITION ... FINALIZE."};
        if (wanted.name.size() > max_name_bytes)
            return Anomaly{AnomalyCode::name_too_long, wanted.name,
                           "The partition for " + range_text(wanted.lower, wanted.upper) +
                               " needs a name of " + std::to_string(wanted.name.size()) +
                               " bytes, and PostgreSQL allows " + std::to_string(max_name_bytes) +
                               ".",
                           "Rename the table to a shorter name."};
        if (const Partition* partition = own_partition(wanted.name))
            return Anomaly{AnomalyCode::wrong_bounds, partition->name,
                           "Partition " + in_quotes(partition->name) + " bears the name of " +
                               range_text(wanted.lower, wanted.upper) + " but holds " +
                               held_by(*partition) + ".",
                           "Rename the partition to what it holds."};
        if (relation_exists_(wanted.name))
            return Anomaly{AnomalyCode::name_taken, wanted.name,
                           "A relation " + in_quotes(wanted.name) +
                               " that is not a partition of table " +
                               in_quotes(parent_.configuration.qualified_name()) +
                               " bears the name of " + range_text(wanted.lower, wanted.upper) + ".",
                           "Rename the relation, or attach it as that partition."};
        return std::nullopt;
    }

    std::string held_by(const Partition& partition) const {
        if (is_default(partition))
            return "the rows of no other partition (DEFAULT)";
        return range_text(codec_.decode(partition.bounds.lower),
                          codec_.decode(partition.bounds.upper));
    }

    bool is_default(const Partition& partition) const {
        return parent_.default_partition &&
               parent_.default_partition->relation == partition.relation;
    }

    const Partition* pending_over(const BoundRange& bounds) const {
        const auto found = std::ranges::find_if(parent_.partitions, [&](const Partition& each) {
            return each.detach_pending && each.bounds.overlaps(bounds);
        });
        return found == parent_.partitions.end() ? nullptr : &*found;
    }

    // The parent's own partition of that name in the parent's schema, where a new one would be
    // created.
    const Partition* own_partition(const std::string& name) const {
        const auto bears_it = [&](const Partition& each) {
            return each.name == name && each.schema_name == parent_.configuration.schema_name;
        };
        if (parent_.default_partition && bears_it(*parent_.default_partition))
            return &*parent_.default_partition;
        const auto found = std::ranges::find_if(parent_.partitions, bears_it);
        return found == parent_.partitions.end() ? nullptr : &*found;
    }

    const Parent& parent_;
    const KeyCodec& codec_;
    const RelationExists& relation_exists_;
    std::vector<BoundRange> covered_;
    std::set<std::string> names_;
    Plan plan_;
};

}  // namespace

Plan plan_for(const Parent& parent, const KeyCodec& codec, const Window& window,
              const RelationExists& relation_exists) {
    return Planner{parent, codec, relation_exists}.plan(window);
}

}  // namespace ppm
