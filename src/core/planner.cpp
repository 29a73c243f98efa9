#include "core/planner.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "core/coverage.hpp"
#include "core/naming.hpp"
#include "core/state.hpp"
#include "core/text.hpp"

namespace ppm {

namespace {

// The half of the plan that fills the window.
class Filling {
  public:
    Filling(const Parent& parent, const KeyCodec& codec, const Lookups& lookups, Plan& plan)
        : parent_{parent}, codec_{codec}, lookups_{lookups}, plan_{plan} {
        for (const Partition& partition : parent.partitions) {
            const BoundRange covered =
                partition.detach_pending ? keyless_start(partition.bounds) : partition.bounds;
            if (!covered.empty())
                covered_.push_back(covered);
        }
    }

    void fill(const Windows& windows) {
        const Window& window = windows.work;
        attach_again({codec_.encode(window.lower), codec_.encode(window.upper)}, windows.today);
        for (const Slot& slot : slots_of(window))
            fill(slot);
    }

  private:
    const std::string& table() const { return parent_.configuration.table_name; }

    // What a partition that is being detached still covers: the start of it that no key lies in,
    // which the slot before it must leave out (see KeyCodec::canonical()).
    BoundRange keyless_start(const BoundRange& bounds) const {
        return {bounds.lower, std::min(codec_.canonical(bounds.lower), bounds.upper)};
    }

    // What was detached and reaches into the window comes back, with the bounds that it had, where
    // nothing has taken its place.
    void attach_again(const BoundRange& window, const Window& today) {
        for (const DetachedPartition& detached : parent_.detached) {
            const BoundRange& bounds = detached.partition.bounds;
            if (!detached.is_detached || pending_over(bounds) != nullptr ||
                std::ranges::any_of(covered_,
                                    [&](const BoundRange& each) { return each.overlaps(bounds); }))
                continue;
            const BoundRange edges{codec_.canonical(bounds.lower), codec_.canonical(bounds.upper)};
            const bool wanted = edges.overlaps(window) && !would_be_lost(detached, today);
            if (wanted) {
                plan_.provision.emplace_back(AttachPartition{detached.partition});
                names_.insert(detached.partition.name);
            }
            // What lies behind the window may come back later: the last slot leaves out its start.
            // What lies in it and stays out will not: new partitions take its place.
            const BoundRange covered = wanted ? bounds : keyless_start(bounds);
            if (!covered.empty() && (wanted || !edges.overlaps(window)))
                covered_.insert(
                    std::ranges::upper_bound(covered_, covered.lower, {}, &BoundRange::lower),
                    covered);
        }
    }

    // What was to be kept, but is outdated by the real date: attached again after a mistyped work
    // date, it would go again, and under the policy of now for ever.
    bool would_be_lost(const DetachedPartition& detached, const Window& today) const {
        return detached.policy == CleanupPolicy::detach &&
               parent_.configuration.cleanup_policy == CleanupPolicy::drop &&
               place_in(today, codec_, detached.partition.bounds) == Place::outdated;
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
            plan_.provision.emplace_back(std::move(wanted));
    }

    std::optional<Anomaly> obstacle_to(const CreatePartition& wanted) const {
        if (const Partition* pending = pending_over(wanted.bounds))
            return Anomaly{AnomalyCode::pending_detach, pending->name,
                           "Partition " + in_quotes(pending->name) +
                               " was being detached and still holds " + held_by(*pending) + ".",
                           "Finish it with CALL ppm.cleanup()."};
        if (wanted.name.size() > max_name_bytes)
            return Anomaly{AnomalyCode::name_too_long, wanted.name,
                           "The partition for " + range_text(wanted.lower, wanted.upper) +
                               " needs a name of " + std::to_string(wanted.name.size()) +
                               " bytes, and PostgreSQL allows " + std::to_string(max_name_bytes) +
                               ".",
                           "Rename the table to a shorter name."};
        if (const Partition* partition = own_partition(wanted.name))
            return wrong_bounds(partition->name, {wanted.lower, wanted.upper}, held_by(*partition),
                                "Rename the partition to what it holds.");
        if (const Partition* detached = detached_table(wanted.name))
            return Anomaly{AnomalyCode::name_taken, wanted.name,
                           "Table " + in_quotes(wanted.name) + ", which was detached from table " +
                               in_quotes(parent_.configuration.qualified_name()) + " and holds " +
                               held_by(*detached) + ", bears the name of " +
                               range_text(wanted.lower, wanted.upper) + ".",
                           "Rename it, or attach it yourself."};
        if (lookups_.relation_exists(wanted.name))
            return Anomaly{AnomalyCode::name_taken, wanted.name,
                           "A relation or type " + in_quotes(wanted.name) +
                               " that is not a partition of table " +
                               in_quotes(parent_.configuration.qualified_name()) +
                               " bears the name of " + range_text(wanted.lower, wanted.upper) + ".",
                           "Rename it, or attach it as that partition."};
        return std::nullopt;
    }

    std::string held_by(const Partition& partition) const {
        if (is_default(partition))
            return held_by_default;
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

    // The one of that name that ppm detached and does not attach again.
    const Partition* detached_table(const std::string& name) const {
        const auto found =
            std::ranges::find_if(parent_.detached, [&](const DetachedPartition& each) {
                return each.is_detached && each.partition.name == name &&
                       each.partition.schema_name == parent_.configuration.schema_name;
            });
        return found == parent_.detached.end() ? nullptr : &found->partition;
    }

    const Parent& parent_;
    const KeyCodec& codec_;
    const Lookups& lookups_;
    std::vector<BoundRange> covered_;
    std::set<std::string> names_;
    Plan& plan_;
};

// The half of the plan that removes what lies outside the window.
class Removing {
  public:
    Removing(const Parent& parent, const KeyCodec& codec, const Windows& windows,
             const Lookups& lookups, Plan& plan)
        : parent_{parent}, codec_{codec}, windows_{windows}, lookups_{lookups}, plan_{plan} {}

    void remove() {
        if (would_remove_outdated() && clock_may_have_jumped())
            plan_.clock_jump = clock_jump();
        finish_what_was_begun();
        for (const Partition& partition : parent_.partitions)
            if (!partition.detach_pending && may_go(partition))
                remove(partition);
    }

  private:
    Place place_in(const Window& window, const BoundRange& bounds) const {
        return ppm::place_in(window, codec_, bounds);
    }

    // A mistyped or forgotten work date costs nothing: what has rows must be outdated by the real
    // date, too.
    bool is_outdated(const BoundRange& bounds) const {
        return place_in(windows_.work, bounds) == Place::outdated &&
               place_in(windows_.today, bounds) == Place::outdated;
    }

    // A partition without an end of its own was made for rows that nobody expects.
    bool is_surplus(const BoundRange& bounds) const {
        return place_in(windows_.work, bounds) != Place::inside &&
               place_in(windows_.today, bounds) != Place::inside && !is_outdated(bounds) &&
               codec_.decode(bounds.lower) != minus_infinity && has_end(bounds, codec_);
    }

    // What is to be removed although it may have rows.
    bool goes_as_outdated(const BoundRange& bounds) const {
        return is_outdated(bounds) && !plan_.clock_jump;
    }

    bool may_go(const Partition& partition) const {
        return goes_as_outdated(partition.bounds) ||
               (is_surplus(partition.bounds) && lookups_.is_empty(partition));
    }

    void finish_what_was_begun() {
        for (const Partition& partition : parent_.partitions)
            if (partition.detach_pending)
                plan_.cleanup.emplace_back(FinalizeDetach{partition, is_surplus(partition.bounds)});
        for (const DetachedPartition& detached : parent_.detached)
            finish(detached);
    }

    void finish(const DetachedPartition& detached) {
        const Partition& partition = detached.partition;
        const bool surplus = is_surplus(partition.bounds);
        if (surplus && !lookups_.is_empty(partition)) {
            if (detached.is_detached &&
                place_in(windows_.today, partition.bounds) != Place::outdated &&
                !is_taken(partition.bounds))
                plan_.cleanup.emplace_back(AttachPartition{partition});
        } else if (is_to_be_dropped(detached) && (surplus || goes_as_outdated(partition.bounds)))
            plan_.cleanup.emplace_back(DropPartition{partition, surplus});
    }

    bool is_to_be_dropped(const DetachedPartition& detached) const {
        return detached.policy == CleanupPolicy::drop && !detached.is_unconfirmed &&
               parent_.configuration.cleanup_policy == CleanupPolicy::drop;
    }

    bool would_remove_outdated() const {
        return std::ranges::any_of(parent_.partitions,
                                   [&](const Partition& each) {
                                       return !each.detach_pending && is_outdated(each.bounds);
                                   }) ||
               std::ranges::any_of(parent_.detached, [&](const DetachedPartition& each) {
                   return is_to_be_dropped(each) && is_outdated(each.partition.bounds);
               });
    }

    // A clock that is years ahead makes today's rows outdated. One that is right has not moved on
    // by more than a window since it was last looked at; or else rows have come meanwhile.
    bool clock_may_have_jumped() const {
        const auto& reference = parent_.clock_reference;
        if (!reference || windows_.now <= reference->at + window_length())
            return false;
        if (reference->kind == ClockReference::Kind::failed)
            return true;
        return lookups_.looks_into_partitions && !newest_rows_are_of_now();
    }

    LocalTime::duration window_length() const {
        return windows_.today.upper - windows_.today.lower;
    }

    // Whether the highest partition that has rows holds those of now, or of not longer ago than a
    // window.
    bool newest_rows_are_of_now() const {
        for (auto each = parent_.partitions.rbegin(); each != parent_.partitions.rend(); ++each) {
            const LocalTime lower = codec_.decode(each->bounds.lower);
            const LocalTime upper = codec_.decode(each->bounds.upper);
            if (each->detach_pending || lower == minus_infinity || upper == plus_infinity ||
                lookups_.is_empty(*each))
                continue;
            return lower <= windows_.now && upper >= windows_.now - window_length();
        }
        // Before the first cleanup nothing else tells; after it, a table without rows is suspect.
        return parent_.clock_reference->kind == ClockReference::Kind::server_started;
    }

    Anomaly clock_jump() const {
        const ClockReference& reference = *parent_.clock_reference;
        const Configuration& configuration = parent_.configuration;
        const bool started = reference.kind == ClockReference::Kind::server_started;
        return {AnomalyCode::clock_jump,
                {},
                "The clock says " + to_text(windows_.now) + ", more than a window after " +
                    to_text(reference.at) + ", when " +
                    (started ? "the server was started" : "the last cleanup ended") +
                    ": nothing outdated is removed.",
                "If the clock is right, write the row again: UPDATE ppm.config SET retention = "
                "retention WHERE schema_name = " +
                    in_literal(configuration.schema_name) +
                    " AND table_name = " + in_literal(configuration.table_name) + ";"};
    }

    // Whether something is, or will be, where a table with these bounds would be attached.
    bool is_taken(const BoundRange& bounds) const {
        const auto overlaps = [&](const BoundRange& each) { return each.overlaps(bounds); };
        return std::ranges::any_of(parent_.partitions, overlaps, &Partition::bounds) ||
               std::ranges::any_of(plan_.provision, overlaps, bounds_of) ||
               std::ranges::any_of(plan_.cleanup, [&](const Action& action) {
                   return std::holds_alternative<AttachPartition>(action) &&
                          overlaps(bounds_of(action));
               });
    }

    void remove(const Partition& partition) {
        const bool only_if_empty = !is_outdated(partition.bounds);
        plan_.cleanup.emplace_back(
            DetachPartition{partition, !parent_.default_partition.has_value(), only_if_empty});
        if (parent_.configuration.cleanup_policy == CleanupPolicy::drop)
            plan_.cleanup.emplace_back(DropPartition{partition, only_if_empty});
    }

    const Parent& parent_;
    const KeyCodec& codec_;
    const Windows& windows_;
    const Lookups& lookups_;
    Plan& plan_;
};

}  // namespace

std::string_view name_of(const Action& action) {
    struct Name {
        std::string_view operator()(const CreatePartition&) const { return "create"; }
        std::string_view operator()(const AttachPartition&) const { return "attach"; }
        std::string_view operator()(const FinalizeDetach&) const { return "finalize"; }
        std::string_view operator()(const DetachPartition&) const { return "detach"; }
        std::string_view operator()(const DropPartition&) const { return "drop"; }
    };
    return std::visit(Name{}, action);
}

const std::string& partition_of(const Action& action) {
    if (const auto* const create = std::get_if<CreatePartition>(&action))
        return create->name;
    return existing_partition(action)->name;
}

const BoundRange& bounds_of(const Action& action) {
    if (const auto* const create = std::get_if<CreatePartition>(&action))
        return create->bounds;
    return existing_partition(action)->bounds;
}

const Partition* existing_partition(const Action& action) {
    return std::visit(
        [](const auto& each) -> const Partition* {
            if constexpr (requires { each.partition; })
                return &each.partition;
            else
                return nullptr;
        },
        action);
}

Anomaly wrong_bounds(const std::string& partition, const Slot& named, const std::string& held,
                     std::string hint) {
    return {AnomalyCode::wrong_bounds, partition,
            "Partition " + in_quotes(partition) + " bears the name of " +
                range_text(named.lower, named.upper) + " but holds " + held + ".",
            std::move(hint)};
}

Plan plan_for(const Parent& parent, const KeyCodec& codec, const Windows& windows,
              const Lookups& lookups) {
    Plan plan;
    Filling{parent, codec, lookups, plan}.fill(windows);
    Removing{parent, codec, windows, lookups, plan}.remove();
    return plan;
}

}  // namespace ppm
