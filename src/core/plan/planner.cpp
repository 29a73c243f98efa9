#include "core/plan/planner.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "core/grid/coverage.hpp"
#include "core/grid/naming.hpp"
#include "core/plan/archive.hpp"
#include "core/plan/hooks.hpp"
#include "core/plan/removal.hpp"
#include "core/plan/state.hpp"
#include "core/text.hpp"

namespace ppm {

namespace {

// The half of the plan that fills the window.
class ProvisionPlanner {
  public:
    ProvisionPlanner(const Parent& parent, const KeyCodec& codec, const Lookups& lookups,
                     Plan& plan)
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
        attach_again({codec_.encode(window.lower), codec_.encode(window.upper)}, windows);
        for (const Slot& slot : slots_of(window))
            fill(slot);
    }

  private:
    const std::string& table() const { return parent_.configuration.table_name; }
    const Grid& grid() const { return parent_.configuration.grid(); }

    // What a partition that is being detached still covers: the part at its start in which no key
    // lies. The slot before it must leave that part out (see KeyCodec::canonical()).
    BoundRange keyless_start(const BoundRange& bounds) const {
        return {bounds.lower, std::min(codec_.canonical(bounds.lower), bounds.upper)};
    }

    // A detached table that reaches into the window, or is not to be dropped any more, is attached
    // again, with the bounds that it had, if nothing has taken its place.
    void attach_again(const BoundRange& window, const Windows& windows) {
        for (const DetachedPartition& detached : parent_.detached) {
            const BoundRange& bounds = detached.partition.bounds;
            if (!detached.is_detached || detached.is_repartitioned ||
                pending_over(bounds) != nullptr || is_covered(bounds))
                continue;
            const BoundRange edges = codec_.canonical(bounds);
            const bool wanted =
                (edges.overlaps(window) && !would_be_lost(detached, windows.today)) ||
                is_not_to_be_dropped(windows, detached);
            if (wanted) {
                if (const std::string change = lookups_.change_of(detached); !change.empty()) {
                    changed_.push_back(
                        {bounds, detached_changed(parent_, codec_, detached.partition, change)});
                    continue;
                }
                attach(detached);
                if (schema_once_attached(detached) == parent_.configuration.schema_name)
                    names_.insert(detached.partition.name);
            }
            // A table behind the window may come back later: the last slot leaves out its start. A
            // table in the window that stays out will not: new partitions take its place.
            const BoundRange covered = wanted ? bounds : keyless_start(bounds);
            if (!covered.empty() && (wanted || !edges.overlaps(window)))
                covered_.insert(
                    std::ranges::upper_bound(covered_, covered.lower, {}, &BoundRange::lower),
                    covered);
        }
    }

    // Whether it was detached only to be dropped, and is not outdated any more: with a retention of
    // null it may lie before the window.
    bool is_not_to_be_dropped(const Windows& windows, const DetachedPartition& detached) const {
        const auto is_inside = [&](const Window& window) {
            return place_in(window, codec_, detached.partition.bounds) == Place::inside;
        };
        return detached.policy == CleanupPolicy::drop && !detached.is_unconfirmed &&
               is_inside(windows.work) && is_inside(windows.today);
    }

    static const std::string& schema_once_attached(const DetachedPartition& detached) {
        return detached.home_schema.empty() ? detached.partition.schema_name : detached.home_schema;
    }

    void attach(const DetachedPartition& detached) {
        const Partition& partition = detached.partition;
        const BoundRange& bounds = partition.bounds;
        if (auto reason = obstacle_in_default())
            plan_.obstacles.push_back({{partition.name,
                                        bounds,
                                        {codec_.decode(bounds.lower), codec_.decode(bounds.upper)}},
                                       *std::move(reason)});
        else
            plan_.provision.emplace_back(AttachPartition{partition, detached.home_schema});
    }

    // With any ATTACH PARTITION, PostgreSQL evaluates the default partition's constraints.
    std::optional<Anomaly> obstacle_in_default() const {
        if (parent_.default_partition && parent_.default_partition->stranger)
            return owner_differs(*parent_.default_partition);
        return std::nullopt;
    }

    // Whether the table was to be kept, but is outdated by the real date: if a mistyped work date
    // attached it again, it would only be removed again. If nothing records that it was kept, it
    // would be dropped as soon as it is outdated again.
    bool would_be_lost(const DetachedPartition& detached, const Window& today) const {
        return detached.policy == CleanupPolicy::detach &&
               parent_.configuration.cleanup_policy == CleanupPolicy::drop &&
               (parent_.forgets_what_was_kept ||
                place_in(today, codec_, detached.partition.bounds) == Place::outdated);
    }

    // Plans partitions for the parts of the slot that nothing covers.
    void fill(const Slot& slot) {
        const BoundRange range{codec_.encode(slot.lower), codec_.encode(slot.upper)};
        for (const BoundRange& hole : holes_in(range, covered_)) {
            const BoundRange edges = codec_.canonical(hole);
            if (edges.empty())
                continue;
            // Past the ends of the type, the bounds do not decode to the slot's edges.
            const Slot piece{hole.lower == range.lower ? slot.lower : codec_.decode(hole.lower),
                             hole.upper == range.upper ? slot.upper : codec_.decode(hole.upper)};
            if (edges == range)
                add({slot_name(table(), grid(), slot), hole, piece}, Label::of_slot);
            else
                add({piece_name(table(), grid(), piece), hole, piece}, Label::of_piece);
        }
    }

    enum class Label { of_slot, of_piece };

    void add(CreatePartition wanted, Label label) {
        auto reason = obstacle_to(wanted.bounds);
        if (!reason) {
            find_name(wanted, label);
            reason = name_anomaly(wanted);
        }
        names_.insert(wanted.name);
        if (reason) {
            plan_.obstacles.push_back({std::move(wanted), *std::move(reason)});
            return;
        }
        if (!wanted.proper_name.empty())
            plan_.warnings.push_back(name_taken(wanted));
        plan_.provision.emplace_back(std::move(wanted));
    }

    // A name is only a label: if another relation has it, the partition gets another name.
    void find_name(CreatePartition& wanted, Label label) const {
        std::string name = wanted.name;
        for (int number = 2; is_borne(name); ++number)
            name = wanted.name + "_" + std::to_string(number);
        if (name != wanted.name && label == Label::of_slot)
            wanted.proper_name = wanted.name;
        wanted.name = std::move(name);
    }

    std::optional<Anomaly> name_anomaly(const CreatePartition& wanted) const {
        const std::size_t size =
            wanted.name.size() + static_cast<std::size_t>(parent_.template_suffix);
        if (size <= max_name_bytes)
            return std::nullopt;
        return Anomaly{AnomalyCode::name_too_long, wanted.name,
                       (parent_.template_suffix == 0 ? "The partition for "
                                                     : "A partition below the one for ") +
                           codec_.range_text(wanted.slot) + " needs a name of " +
                           std::to_string(size) + " bytes, and PostgreSQL allows " +
                           std::to_string(max_name_bytes) + ".",
                       "Rename the table to a shorter name."};
    }

    bool is_borne(const std::string& name) const {
        return names_.contains(name) || own_partition(name) != nullptr ||
               detached_table(name) != nullptr || lookups_.relation_exists(name);
    }

    Anomaly name_taken(const CreatePartition& wanted) const {
        const std::string& name = wanted.proper_name;
        return {AnomalyCode::name_taken, wanted.name,
                bearer_of(name) + " has the name of " + codec_.range_text(wanted.slot) +
                    ". The partition of that range is named " + in_quotes(wanted.name) + ".",
                "When the name is free: ALTER TABLE " +
                    lookups_.identifier(parent_.configuration.schema_name) + "." +
                    lookups_.identifier(wanted.name) + " RENAME TO " + lookups_.identifier(name) +
                    ";"};
    }

    std::string bearer_of(const std::string& name) const {
        const std::string of_parent =
            " of table " + in_quotes(parent_.configuration.qualified_name());
        if (const Partition* partition = own_partition(name))
            return "Partition " + in_quotes(name) + of_parent + ", which holds " +
                   held_by(*partition) + ",";
        if (const Partition* detached = detached_table(name))
            return "Table " + in_quotes(name) + ", which was detached from table " +
                   in_quotes(parent_.configuration.qualified_name()) + " and holds " +
                   held_by(*detached) + ",";
        return "A relation or type " + in_quotes(name) + " that is not a partition" + of_parent;
    }

    std::optional<Anomaly> obstacle_to(const BoundRange& bounds) const {
        if (const Partition* pending = pending_over(bounds))
            return Anomaly{AnomalyCode::pending_detach, pending->name,
                           "Partition " + in_quotes(pending->name) +
                               " was being detached and still holds " + held_by(*pending) + ".",
                           "Finish it with CALL ppm.cleanup()."};
        if (auto reason = obstacle_in_default())
            return reason;
        if (!parent_.template_problem.empty())
            return template_mismatch(parent_);
        if (const Anomaly* const changed = changed_over(bounds))
            return *changed;
        return std::nullopt;
    }

    std::string held_by(const Partition& partition) const {
        if (is_default(partition))
            return held_by_default;
        return codec_.range_text(partition.bounds);
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

    // The anomaly of a detached table that is not attached again but keeps its range: a new
    // partition in its place would shut it out for good.
    const Anomaly* changed_over(const BoundRange& bounds) const {
        const auto found = std::ranges::find_if(changed_, [&](const Changed& each) {
            return each.bounds.overlaps(bounds) && !is_covered(each.bounds);
        });
        return found == changed_.end() ? nullptr : &found->anomaly;
    }

    bool is_covered(const BoundRange& bounds) const {
        return std::ranges::any_of(covered_,
                                   [&](const BoundRange& each) { return each.overlaps(bounds); });
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

    // The table of that name that ppm detached and does not attach again.
    const Partition* detached_table(const std::string& name) const {
        const auto found =
            std::ranges::find_if(parent_.detached, [&](const DetachedPartition& each) {
                return each.is_detached && each.partition.name == name &&
                       each.partition.schema_name == parent_.configuration.schema_name;
            });
        return found == parent_.detached.end() ? nullptr : &found->partition;
    }

    struct Changed {
        BoundRange bounds;
        Anomaly anomaly;
    };

    const Parent& parent_;
    const KeyCodec& codec_;
    const Lookups& lookups_;
    std::vector<BoundRange> covered_;
    std::vector<Changed> changed_;
    std::set<std::string> names_;
    Plan& plan_;
};

// If the key of now is not known, there is no window.
std::optional<Anomaly> key_unknown(const Parent& parent) {
    if (!parent.greatest_key || parent.greatest_key->is_known)
        return std::nullopt;
    const Configuration& configuration = parent.configuration;
    return Anomaly{AnomalyCode::key_unknown,
                   {},
                   "The greatest key of table " + in_quotes(configuration.qualified_name()) +
                       " was not found within ppm.statement_timeout: ppm neither creates nor "
                       "removes partitions of the table.",
                   parent.table->is_distributed
                       ? "Check that all nodes of Citus can be reached, or raise "
                         "ppm.statement_timeout."
                       : "Give each partition an index that begins with " +
                             in_quotes(parent.table->key_column) +
                             ", by CREATE INDEX CONCURRENTLY, or raise ppm.statement_timeout."};
}

}  // namespace

std::string_view name_of(const Action& action) {
    struct Name {
        std::string_view operator()(const CreatePartition&) const { return "create"; }
        std::string_view operator()(const AttachPartition&) const { return "attach"; }
        std::string_view operator()(const FinalizeDetach&) const { return "finalize"; }
        std::string_view operator()(const DetachPartition&) const { return "detach"; }
        std::string_view operator()(const DropPartition&) const { return "drop"; }
        std::string_view operator()(const ArchiveTable&) const { return "archive"; }
        std::string_view operator()(const CallHook& hook) const { return name_of(hook.event); }
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

Subject subject_of(const Action& action) {
    const Partition* const existing = existing_partition(action);
    return {existing == nullptr ? 0 : existing->relation, partition_of(action)};
}

bool changes_partitions(const Action& action) {
    return !std::holds_alternative<ArchiveTable>(action) &&
           !std::holds_alternative<CallHook>(action);
}

Anomaly template_mismatch(const Parent& parent) {
    return {AnomalyCode::template_mismatch,
            {},
            "Template " + *parent.configuration.template_name + " of table " +
                in_quotes(parent.configuration.qualified_name()) + " " + parent.template_problem +
                ": no partition is created.",
            "Fix the template, or set template in ppm.config to another one, or to null."};
}

Anomaly owner_differs(const Partition& partition) {
    const Stranger& stranger = *partition.stranger;
    const std::string table = stranger.table == partition.qualified_name()
                                  ? "Partition " + in_quotes(partition.name)
                                  : "Table " + in_quotes(stranger.table) + " below partition " +
                                        in_quotes(partition.name);
    return {
        AnomalyCode::owner_differs, partition.name,
        table + " belongs to " + stranger.owner + ", not " + stranger.expected + " as its parent.",
        stranger.mend};
}

Plan compute_plan(const Parent& parent, const KeyCodec& codec, const Windows& windows,
                  const Lookups& lookups) {
    Plan plan;
    plan.blocked = key_unknown(parent);
    if (plan.blocked)
        return plan;
    ProvisionPlanner{parent, codec, lookups, plan}.fill(windows);
    plan_removal(parent, codec, windows, lookups, plan);
    plan_archive(parent, lookups, plan);
    plan_hooks(parent, plan);
    return plan;
}

}  // namespace ppm
