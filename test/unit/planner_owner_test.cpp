// Tables of a partition's tree that belong to another role than the parent.
#include <gtest/gtest.h>

#include "core/plan/planner.hpp"
#include "orders.hpp"

namespace ppm {
namespace {

Stranger bob(const std::string& table) {
    return {table, "bob", "alice", "ALTER TABLE " + table + " OWNER TO alice;"};
}

Lines left_out_of(const Plan& plan) {
    Lines lines;
    for (const LeftOut& each : plan.left_out)
        lines.push_back(each.reason.partition + ": " + std::string{name_of(each.reason.code)});
    return lines;
}

TEST(Owner, OfTheDefaultPartitionKeepsNewOnesOut) {
    Orders orders{Interval::monthly};
    orders.add_default("orders_default");
    orders.parent.default_partition->stranger = bob("public.orders_default");
    const Plan plan = orders.plan("2026-11-01", "2027-01-01");
    EXPECT_EQ(actions_of(plan), Lines{});
    ASSERT_EQ(plan.obstacles.size(), 2U);
    EXPECT_EQ(plan.obstacles[0].reason.code, AnomalyCode::owner_differs);
    EXPECT_EQ(plan.obstacles[0].reason.detail,
              "Partition \"orders_default\" belongs to bob, not alice as its parent.");
    EXPECT_EQ(plan.obstacles[0].reason.hint, "ALTER TABLE public.orders_default OWNER TO alice;");
}

TEST(Owner, OfTheDefaultPartitionKeepsOutWhatWasDetached) {
    Orders orders{Interval::monthly};
    orders.add_default("orders_default");
    orders.parent.default_partition->stranger = bob("public.orders_default");
    orders.add_detached("orders_2026_11", "2026-11-01", "2026-12-01", CleanupPolicy::detach);
    const Plan plan = orders.plan("2026-11-01", "2026-12-01");
    EXPECT_EQ(actions_of(plan), Lines{});
    EXPECT_EQ(obstacles_of(plan), Lines{"orders_2026_11: 2026-11-01 to 2026-12-01: owner_differs"});
}

TEST(Owner, OfATableBelowIsNamed) {
    Orders orders{Interval::monthly};
    orders.add_default("orders_default");
    orders.parent.default_partition->stranger = bob("public.leaf");
    EXPECT_EQ(owner_differs(*orders.parent.default_partition).detail,
              "Table \"public.leaf\" below partition \"orders_default\" belongs to bob, not alice "
              "as its parent.");
}

TEST(Owner, OfAnOutdatedPartitionKeepsItAndNoOther) {
    Orders orders{Interval::monthly};
    orders.parent.configuration.retention = 1;
    orders.add("orders_2026_01", "2026-01-01", "2026-02-01");
    orders.add("orders_2026_02", "2026-02-01", "2026-03-01");
    orders.parent.partitions.front().stranger = bob("public.orders_2026_01");
    const Plan plan = orders.plan_on("2026-11-15");
    EXPECT_EQ(left_out_of(plan), Lines{"orders_2026_01: owner_differs"});
    ASSERT_EQ(plan.cleanup.size(), 1U);
    EXPECT_EQ(partition_of(plan.cleanup[0]), "orders_2026_02");
}

}  // namespace
}  // namespace ppm
