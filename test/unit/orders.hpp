// The table public.orders in memory: what the catalog would tell of it, and its plans as lines to
// compare.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "civil.hpp"
#include "core/grid/naming.hpp"
#include "core/plan/planner.hpp"
#include "intervals.hpp"
#include "printers.hpp"
#include "test_zones.hpp"

namespace ppm {

using Lines = std::vector<std::string>;

inline Parent orders_parent(const Grid& grid, const Key& key) {
    return {.configuration = {.schema_name = "public",
                              .table_name = "orders",
                              .partition_key = {},
                              .interval = grid,
                              .pre_provisioned = 3,
                              .retention = {},
                              .cleanup_policy = CleanupPolicy::detach,
                              .timezone = "UTC",
                              .partition_options = {},
                              .key_encoding = key.encoding},
            .table = Table{.relation = 1,
                           .owner = 10,
                           .strategy = Strategy::range,
                           .has_plain_key = true,
                           .key_column = "day",
                           .key_type_name = std::string{name_of(key.type)},
                           .key_type = key.type,
                           .has_default_order = true},
            .timezone_known = true,
            .partitions = {},
            .default_partition = {},
            .detached = {},
            .ledger_is_stale = false};
}

class Orders {
  public:
    explicit Orders(const Grid& grid, const Key& key = KeyType::date,
                    const TimeZone& zone = zones::utc)
        : codec{key, zone}, parent{orders_parent(grid, key)} {}

    // Bounds as civil times; -infinity and infinity are MINVALUE and MAXVALUE.
    void add(const std::string& name, const std::string& lower, const std::string& upper) {
        add(partition(name, bounds(lower, upper)));
    }
    void add_pending(const std::string& name, const std::string& lower, const std::string& upper) {
        Partition pending = partition(name, bounds(lower, upper));
        pending.detach_pending = true;
        add(std::move(pending));
    }
    // A partition for each slot between the two.
    void add_slots(const std::string& lower, const std::string& upper) {
        const Configuration& table = parent.configuration;
        for (const Slot& slot : slots_of({table.grid(), civil(lower), civil(upper), true}))
            add(partition(slot_name(table.table_name, table.grid(), slot),
                          {codec.encode(slot.lower), codec.encode(slot.upper)}));
    }
    // What ppm detached.
    void add_detached(const std::string& name, const std::string& lower, const std::string& upper,
                      CleanupPolicy policy) {
        add_detached({partition(name, bounds(lower, upper)), policy, true});
    }
    void add_detached(DetachedPartition each) {
        parent.detached.push_back(std::move(each));
        std::sort(parent.detached.begin(), parent.detached.end(),
                  [](const DetachedPartition& a, const DetachedPartition& b) {
                      return a.partition.bounds.lower < b.partition.bounds.lower;
                  });
    }
    // What ppm began to detach and did not finish.
    void add_pending_of_ppm(const std::string& name, const std::string& lower,
                            const std::string& upper, CleanupPolicy policy) {
        Partition pending = partition(name, bounds(lower, upper));
        add_detached({pending, policy, false});
        pending.detach_pending = true;
        add(std::move(pending));
    }
    void add_in_archive(const std::string& name, const std::string& lower,
                        const std::string& upper) {
        Partition elsewhere = partition(name, bounds(lower, upper));
        elsewhere.schema_name = "archive";
        add(std::move(elsewhere));
    }
    void add(Partition each) {
        parent.partitions.push_back(std::move(each));
        std::sort(
            parent.partitions.begin(), parent.partitions.end(),
            [](const Partition& a, const Partition& b) { return a.bounds.lower < b.bounds.lower; });
    }
    void add_default(const std::string& name) {
        parent.default_partition = partition(name, {Bound::min_value(), Bound::max_value()});
    }

    Partition partition(const std::string& name, BoundRange range) {
        return {++last_relation_, "public", name, range, false};
    }

    BoundRange bounds(const std::string& lower, const std::string& upper) const {
        return {lower == "-infinity" ? Bound::min_value() : codec.encode(civil(lower)),
                upper == "infinity" ? Bound::max_value() : codec.encode(civil(upper))};
    }

    Plan plan(const std::string& lower, const std::string& upper) const {
        return plan(Window{parent.configuration.grid(), civil(lower), civil(upper), true});
    }
    // Of a work date, and of the real day where that is another.
    Plan plan_on(const std::string& work_date) const { return plan_on(work_date, work_date); }
    Plan plan_on(const std::string& work_date, const std::string& today) const {
        return plan(Windows{.work = window_on(work_date), .today = window_on(today)});
    }
    Windows plan_windows(const std::string& today) const {
        return {.work = window_on(today), .today = window_on(today)};
    }
    Plan plan(const Window& window) const { return plan(Windows{.work = window, .today = window}); }
    Plan plan(const Windows& windows) const {
        return compute_plan(
            parent, codec, windows,
            {.identifier = [](const std::string& name) { return name; },
             .relation_exists = [&](const std::string& name) { return relation_exists(name); },
             .is_empty =
                 [&](const Partition& partition) {
                     asked_for_rows.insert(partition.name);
                     return !has_rows(partition);
                 },
             .change_of =
                 [&](const DetachedPartition& detached) {
                     return std::string{
                         changed.count(detached.partition.name) == 0 ? "" : "was changed since"};
                 },
             .key_without_time = [&](const Partition& partition) -> std::optional<Bound> {
                 const auto found = keys_without_time.find(partition.name);
                 return found == keys_without_time.end() ? std::nullopt
                                                         : std::optional{found->second};
             },
             .archive_problem = [&]() { return archive_problem; },
             .is_taken_in_archive =
                 [&](const Partition& partition) {
                     return taken_in_archive.count(partition.name) > 0;
                 }});
    }
    Window window_on(const std::string& now) const {
        const Configuration& table = parent.configuration;
        return ppm::window_on(civil(now), std::get<Interval>(table.grid()), table.pre_provisioned,
                              table.retention);
    }

    void execute(const Plan& plan) {
        for (const Action& action : plan.provision) {
            const auto& create = std::get<CreatePartition>(action);
            add(partition(create.name, create.bounds));
        }
    }

    // As the catalog would tell of the schema public.
    bool relation_exists(const std::string& name) const {
        const auto bears_it = [&](const DetachedPartition& each) {
            return each.is_detached && each.partition.schema_name == "public" &&
                   each.partition.name == name;
        };
        return other_relations.count(name) > 0 || is_partition(name) ||
               std::any_of(parent.detached.begin(), parent.detached.end(), bears_it);
    }

    bool has_rows(const Partition& partition) const {
        return with_rows.count(partition.name) > 0 && just_made.count(partition.relation) == 0;
    }

    bool is_partition(const std::string& name) const {
        const auto bears_it = [&](const Partition& each) {
            return each.schema_name == "public" && each.name == name;
        };
        return (parent.default_partition && bears_it(*parent.default_partition)) ||
               std::any_of(parent.partitions.begin(), parent.partitions.end(), bears_it);
    }

    KeyCodec codec;
    Parent parent;
    std::set<std::string> other_relations;  // in the schema public
    std::set<std::string> with_rows;
    std::set<RelationId> just_made;  // without rows, though another of its name may have some
    std::set<std::string> taken_in_archive;
    std::optional<Anomaly> archive_problem;
    std::set<std::string> changed;                   // of what was detached, since then
    std::map<std::string, Bound> keys_without_time;  // by the partition's name
    mutable std::set<std::string> asked_for_rows;    // by all plans

  private:
    RelationId last_relation_ = 100;
};

inline std::string line_of(const CreatePartition& create) {
    return create.name + ": " + range_text(create.slot.lower, create.slot.upper);
}

inline std::string line_of(const AttachPartition& attach) {
    return "attach " + attach.partition.name;
}

inline std::string line_of(const FinalizeDetach& finalize) {
    return "finalize " + finalize.partition.name;
}

inline std::string line_of(const DetachPartition& detach) {
    return "detach " + detach.partition.name + (detach.concurrently ? "" : " plainly") +
           (detach.only_if_empty ? " if empty" : "");
}

inline std::string line_of(const DropPartition& drop) {
    return "drop " + drop.partition.name + (drop.only_if_empty ? " if empty" : "");
}

inline std::string line_of(const ArchiveTable& archive) {
    return "archive " + archive.partition.name;
}

inline std::string line_of(const CallHook& hook) {
    return std::string{name_of(hook.event)} + " " + hook.function + " " + hook.partition.name;
}

inline Lines lines_of(const std::vector<Action>& actions) {
    Lines lines;
    for (const Action& action : actions)
        lines.push_back(std::visit([](const auto& each) { return line_of(each); }, action));
    return lines;
}

inline Lines actions_of(const Plan& plan) {
    return lines_of(plan.provision);
}

inline Lines cleanup_of(const Plan& plan) {
    return lines_of(plan.cleanup);
}

// What is wanted, and why it cannot be.
inline Lines obstacles_of(const Plan& plan) {
    Lines lines;
    for (const Obstacle& obstacle : plan.obstacles)
        lines.push_back(line_of(obstacle.wanted) + ": " +
                        std::string{name_of(obstacle.reason.code)});
    return lines;
}

}  // namespace ppm
