// The table public.orders in memory: what the catalog would tell of it, and its plans as lines to
// compare.
#pragma once

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "civil.hpp"
#include "core/planner.hpp"
#include "test_zones.hpp"

namespace ppm {

using Lines = std::vector<std::string>;

inline Parent orders_parent(Interval interval, KeyType key_type) {
    return {.configuration = {.schema_name = "public",
                              .table_name = "orders",
                              .partition_key = {},
                              .interval = interval,
                              .pre_provisioned = 3,
                              .retention = {},
                              .cleanup_policy = CleanupPolicy::detach,
                              .timezone = "UTC"},
            .table = Table{.relation = 1,
                           .owner = 10,
                           .strategy = Strategy::range,
                           .has_plain_key = true,
                           .key_column = "day",
                           .key_type_name = std::string{name_of(key_type)},
                           .key_type = key_type,
                           .has_default_order = true},
            .timezone_known = true,
            .partitions = {},
            .default_partition = {},
            .detached = {},
            .ledger_is_stale = false};
}

class Orders {
  public:
    explicit Orders(Interval interval, KeyType key_type = KeyType::date,
                    const TimeZone& zone = zones::utc)
        : codec{key_type, zone}, parent{orders_parent(interval, key_type)} {}

    // Bounds as civil times; -infinity and infinity are MINVALUE and MAXVALUE.
    void add(const std::string& name, const std::string& lower, const std::string& upper) {
        add(partition(name, bounds(lower, upper)));
    }
    void add_pending(const std::string& name, const std::string& lower, const std::string& upper) {
        Partition pending = partition(name, bounds(lower, upper));
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
        return plan(Window{parent.configuration.interval, civil(lower), civil(upper), true});
    }
    Plan plan(const Window& window) const { return plan(Windows{.work = window, .today = window}); }
    Plan plan(const Windows& windows) const {
        return plan_for(
            parent, codec, windows,
            {.relation_exists = [&](const std::string& name) { return relation_exists(name); },
             .is_empty =
                 [&](const Partition& partition) { return with_rows.count(partition.name) == 0; }});
    }

    void execute(const Plan& plan) {
        for (const Action& action : plan.provision) {
            const auto& create = std::get<CreatePartition>(action);
            add(partition(create.name, create.bounds));
        }
    }

    // As the catalog would tell of the schema public.
    bool relation_exists(const std::string& name) const {
        return other_relations.count(name) > 0 || is_partition(name);
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

  private:
    RelationId last_relation_ = 100;
};

inline std::string line_of(const CreatePartition& create) {
    return create.name + ": " + to_text(create.lower) + " to " + to_text(create.upper);
}

inline Lines actions_of(const Plan& plan) {
    Lines lines;
    for (const Action& action : plan.provision)
        lines.push_back(line_of(std::get<CreatePartition>(action)));
    return lines;
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
