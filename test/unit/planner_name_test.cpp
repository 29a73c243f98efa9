// A name that is taken costs no partition: it gets another one, which is said.
#include <gtest/gtest.h>

#include "orders.hpp"

namespace ppm {
namespace {

constexpr const char* november_2_created = "orders_2026_11_2: 2026-11-01 to 2026-12-01";
constexpr const char* december_created = "orders_2026_12: 2026-12-01 to 2027-01-01";

// That November 2026 is made under the next name, and only that is warned of; returns the warning.
Anomaly november_2_warning(const Orders& orders) {
    const Plan plan = orders.plan("2026-11-01", "2027-01-01");
    EXPECT_EQ(obstacles_of(plan), Lines{});
    EXPECT_EQ(actions_of(plan), (Lines{november_2_created, december_created}));
    EXPECT_EQ(plan.warnings.size(), 1U);
    if (plan.warnings.empty())
        return {};
    const Anomaly warning = plan.warnings.front();
    EXPECT_EQ(name_of(warning.code), "name_taken");
    EXPECT_EQ(severity_of(warning), Severity::warning);
    EXPECT_EQ(warning.partition, "orders_2026_11_2");
    EXPECT_EQ(warning.hint,
              "When the name is free: ALTER TABLE public.orders_2026_11_2 RENAME TO "
              "orders_2026_11;");
    return warning;
}

TEST(TakenName, MayBeThatOfAPartitionWithOtherBounds) {
    Orders orders{Interval::monthly};
    orders.add("orders_2026_11", "-infinity", "2026-11-01");
    EXPECT_EQ(november_2_warning(orders).detail,
              "Partition \"orders_2026_11\" of table \"public.orders\", which holds -infinity to "
              "2026-11-01, has the name of 2026-11-01 to 2026-12-01. The partition of that "
              "range is named \"orders_2026_11_2\".");
}

TEST(TakenName, MayBeThatOfTheDefaultPartition) {
    Orders orders{Interval::monthly};
    orders.add_default("orders_2026_11");
    EXPECT_NE(november_2_warning(orders).detail.find(held_by_default), std::string::npos);
}

TEST(TakenName, MayBeThatOfAnotherRelation) {
    Orders orders{Interval::monthly};
    orders.other_relations = {"orders_2026_11"};
    EXPECT_EQ(november_2_warning(orders).detail,
              "A relation or type \"orders_2026_11\" that is not a partition of table "
              "\"public.orders\" has the name of 2026-11-01 to 2026-12-01. The partition of that "
              "range is named \"orders_2026_11_2\".");
}

TEST(TakenName, MayBeThatOfADetachedTable) {
    Orders orders{Interval::monthly};
    orders.add_detached("orders_2026_11", "2020-11-01", "2020-12-01", CleanupPolicy::detach);
    EXPECT_NE(november_2_warning(orders).detail.find("which was detached from table"),
              std::string::npos);
}

TEST(TakenName, IsNotThatOfATableWhichIsAttachedAgainInAnotherSchema) {
    Orders orders{Interval::monthly};
    orders.add_detached("orders_2026_12", "2026-11-01", "2026-12-01", CleanupPolicy::detach);
    orders.parent.detached.front().partition.schema_name = "archive";
    const Plan plan = orders.plan("2026-11-01", "2027-01-01");
    EXPECT_EQ(actions_of(plan), (Lines{"attach orders_2026_12", december_created}));
    EXPECT_TRUE(plan.warnings.empty());
}

TEST(TakenName, MayBeThatOfATableWhichComesHomeFirst) {
    Orders orders{Interval::monthly};
    orders.add_detached("orders_2026_12", "2026-11-01", "2026-12-01", CleanupPolicy::detach);
    orders.parent.detached.front().partition.schema_name = "archive";
    orders.parent.detached.front().home_schema = "public";
    EXPECT_EQ(actions_of(orders.plan("2026-11-01", "2027-01-01")),
              (Lines{"attach orders_2026_12", "orders_2026_12_2: 2026-12-01 to 2027-01-01"}));
}

TEST(TakenName, IsFollowedByTheFirstNumberThatIsFree) {
    Orders orders{Interval::monthly};
    orders.other_relations = {"orders_2026_11", "orders_2026_11_2", "orders_2026_11_4"};
    EXPECT_EQ(actions_of(orders.plan("2026-11-01", "2026-12-01")),
              Lines{"orders_2026_11_3: 2026-11-01 to 2026-12-01"});
}

TEST(TakenName, IsNotPlannedTwice) {
    Orders orders{Interval::monthly};
    orders.other_relations = {"orders_2026_11"};
    orders.execute(orders.plan("2026-11-01", "2026-12-01"));
    const Plan second = orders.plan("2026-11-01", "2026-12-01");
    EXPECT_EQ(actions_of(second), Lines{});
    EXPECT_TRUE(second.warnings.empty());
}

TEST(TakenName, OfAPieceIsNoWarning) {
    Orders orders{Interval::monthly};
    orders.add("november", "2026-11-01", "2026-11-20");
    orders.other_relations = {"orders_20261120_20261201"};
    const Plan plan = orders.plan("2026-11-01", "2027-01-01");
    EXPECT_EQ(actions_of(plan),
              (Lines{"orders_20261120_20261201_2: 2026-11-20 to 2026-12-01", december_created}));
    EXPECT_TRUE(plan.warnings.empty());
}

TEST(TakenName, DoesNotPassTheLongestName) {
    Orders orders{Interval::monthly};
    const std::string table(55, 'o');
    orders.parent.configuration.table_name = table;
    orders.other_relations = {table + "_2026_11"};
    EXPECT_EQ(obstacles_of(orders.plan("2026-11-01", "2026-12-01")),
              Lines{table + "_2026_11_2: 2026-11-01 to 2026-12-01: name_too_long"});
}

}  // namespace
}  // namespace ppm
