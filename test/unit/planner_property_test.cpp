// What must hold of every plan, whatever the partitions: tried on random ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/plan/planner.hpp"
#include "every_kind.hpp"
#include "key_bounds.hpp"
#include "random_orders.hpp"

namespace ppm {
namespace {

constexpr unsigned cases_per_zone = 100;  // for each grid and key of every_kind()

std::vector<CreatePartition> created_by(const Plan& plan) {
    std::vector<CreatePartition> created;
    for (const Action& action : plan.provision)
        created.push_back(std::get<CreatePartition>(action));
    return created;
}

class EveryPlan : public testing::TestWithParam<Kind> {
  protected:
    template <typename Property>
    static void for_each_case(Property property) {
        for_each_seed(cases_per_zone, [&](const TimeZone& zone, unsigned seed) {
            const RandomOrders random{std::get<0>(GetParam()), std::get<1>(GetParam()), zone, seed};
            property(random.orders, random.window);
        });
    }
};

INSTANTIATE_TEST_SUITE_P(, EveryPlan, every_kind(), name_of_kind);

TEST_P(EveryPlan, CreatesOnlyInsideTheWindow) {
    for_each_case([](const Orders& orders, const Window& window) {
        const Bound begin = orders.codec.encode(window.lower);
        const Bound end = orders.codec.encode(window.upper);
        for (const CreatePartition& create : created_by(orders.plan(window))) {
            EXPECT_LE(begin, create.bounds.lower) << line_of(create);
            EXPECT_LT(create.bounds.lower, create.bounds.upper) << line_of(create);
            EXPECT_LE(create.bounds.upper, end) << line_of(create);
        }
    });
}

TEST_P(EveryPlan, OverlapsNoPartitionPendingOrNot) {
    for_each_case([](const Orders& orders, const Window& window) {
        for (const CreatePartition& create : created_by(orders.plan(window)))
            for (const Partition& each : orders.parent.partitions)
                EXPECT_FALSE(create.bounds.overlaps(each.bounds))
                    << line_of(create) << " and " << each.name;
    });
}

TEST_P(EveryPlan, GoesForwardInTime) {
    for_each_case([](const Orders& orders, const Window& window) {
        const auto created = created_by(orders.plan(window));
        for (std::size_t i = 1; i < created.size(); ++i)
            EXPECT_LE(created[i - 1].bounds.upper, created[i].bounds.lower) << line_of(created[i]);
    });
}

TEST_P(EveryPlan, CoversTheWindowButForObstacles) {
    for_each_case([](Orders orders, const Window& window) {
        const Plan plan = orders.plan(window);
        orders.execute(plan);

        std::vector<BoundRange> settled;
        for (const Partition& each : orders.parent.partitions)
            if (!each.detach_pending)
                settled.push_back(each.bounds);
        for (const Obstacle& obstacle : plan.obstacles)
            settled.push_back(obstacle.wanted.bounds);
        settled.push_back({orders.codec.encode(window.upper), Bound::max_value()});
        std::sort(settled.begin(), settled.end(),
                  [](const BoundRange& a, const BoundRange& b) { return a.lower < b.lower; });

        Bound reached = orders.codec.encode(std::max(window.lower, window.first));
        for (const BoundRange& each : settled) {
            const BoundRange hole{reached, each.lower};
            EXPECT_TRUE(hole.empty() || is_sliver(orders.codec, hole))
                << testing::PrintToString(hole);
            reached = std::max(reached, each.upper);
        }
    });
}

TEST_P(EveryPlan, GivesNamesThatAreFreeAndFit) {
    for_each_case([](const Orders& orders, const Window& window) {
        std::set<std::string> names;
        for (const CreatePartition& create : created_by(orders.plan(window))) {
            EXPECT_TRUE(names.insert(create.name).second) << create.name << " is there twice";
            EXPECT_FALSE(orders.relation_exists(create.name)) << create.name;
            EXPECT_LE(create.name.size(), 63U) << create.name;
        }
    });
}

TEST_P(EveryPlan, GivesAPartitionTheNameOfASlotIfAndOnlyIfItIsThatSlot) {
    for_each_case([](const Orders& orders, const Window& window) {
        const KeyCodec& codec = orders.codec;
        std::map<std::string, BoundRange> slots;
        for (const Slot& slot : slots_of(window))
            slots.insert({slot_name(orders.parent.configuration.table_name, window.grid, slot),
                          {codec.encode(slot.lower), codec.encode(slot.upper)}});

        for (const CreatePartition& create : created_by(orders.plan(window))) {
            const BoundRange edges{codec.canonical(create.bounds.lower),
                                   codec.canonical(create.bounds.upper)};
            const bool is_slot = std::any_of(
                slots.begin(), slots.end(), [&](const auto& slot) { return slot.second == edges; });
            const auto named =
                slots.find(create.proper_name.empty() ? create.name : create.proper_name);
            EXPECT_EQ(named != slots.end(), is_slot) << line_of(create);
            if (named != slots.end()) {
                EXPECT_EQ(named->second, edges) << create.name;
            }
        }
    });
}

bool stands_in_the_way(const Orders& orders, const Obstacle& obstacle) {
    const CreatePartition& wanted = obstacle.wanted;
    const Anomaly& reason = obstacle.reason;
    const bool is_partition = orders.is_partition(wanted.name);
    switch (reason.code) {
        case AnomalyCode::pending_detach:
            return std::any_of(orders.parent.partitions.begin(), orders.parent.partitions.end(),
                               [&](const Partition& each) {
                                   return each.detach_pending && each.name == reason.partition &&
                                          each.bounds.overlaps(wanted.bounds);
                               });
        case AnomalyCode::name_too_long:
            return wanted.name.size() > 63;
        case AnomalyCode::wrong_bounds:
            return is_partition;
        case AnomalyCode::name_taken:
            return orders.relation_exists(wanted.name) && !is_partition;
        default:
            return false;
    }
}

TEST_P(EveryPlan, ReportsOnlyObstaclesThatStandInTheWay) {
    for_each_case([](const Orders& orders, const Window& window) {
        for (const Obstacle& obstacle : orders.plan(window).obstacles)
            EXPECT_TRUE(stands_in_the_way(orders, obstacle))
                << line_of(obstacle.wanted) << ": " << obstacle.reason.detail;
    });
}

TEST_P(EveryPlan, LeavesNothingToASecondPlanButTheSameObstacles) {
    for_each_case([](Orders orders, const Window& window) {
        const Plan first = orders.plan(window);
        orders.execute(first);
        const Plan second = orders.plan(window);
        EXPECT_EQ(actions_of(second), Lines{});
        EXPECT_EQ(obstacles_of(second), obstacles_of(first));
    });
}

}  // namespace
}  // namespace ppm
