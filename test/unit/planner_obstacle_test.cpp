// What stands in the way of a missing partition, and that it stands in the way of no other.
#include <gtest/gtest.h>

#include <stdexcept>

#include "core/plan/planner.hpp"
#include "orders.hpp"

namespace ppm {
namespace {

constexpr const char* november_wanted = "orders_2026_11: 2026-11-01 to 2026-12-01";
constexpr const char* december_created = "orders_2026_12: 2026-12-01 to 2027-01-01";

std::string november_blocked_by(const std::string& code) {
    return std::string{november_wanted} + ": " + code;
}

// Of November and December 2026 only November is blocked.
void expect_november_blocked(const Orders& orders, const std::string& code) {
    const Plan plan = orders.plan("2026-11-01", "2027-01-01");
    EXPECT_EQ(obstacles_of(plan), Lines{november_blocked_by(code)});
    EXPECT_EQ(actions_of(plan), Lines{december_created});
}

Anomaly only_reason(const Plan& plan) {
    return plan.obstacles.size() == 1 ? plan.obstacles[0].reason : Anomaly{};
}

TEST(Obstacle, IsAPendingDetachOfTheSlot) {
    Orders orders{Interval::monthly};
    orders.add_pending("orders_2026_11", "2026-11-01", "2026-12-01");
    expect_november_blocked(orders, "pending_detach");
}

TEST(Obstacle, IsAPendingDetachOfAPartOfTheSlot) {
    Orders orders{Interval::monthly};
    orders.add_pending("someday", "2026-11-22", "2026-11-23");
    expect_november_blocked(orders, "pending_detach");
}

TEST(Obstacle, OfAPendingDetachNamesThePendingPartition) {
    Orders orders{Interval::monthly};
    orders.add_pending("someday", "2026-11-22", "2026-11-23");
    const Anomaly reason = only_reason(orders.plan("2026-11-01", "2026-12-01"));
    EXPECT_EQ(reason.partition, "someday");
    EXPECT_EQ(reason.detail,
              "Partition \"someday\" was being detached and still holds 2026-11-22 to 2026-11-23.");
}

TEST(Obstacle, IsNotAPendingDetachBesideTheSlot) {
    Orders orders{Interval::monthly};
    orders.add_pending("orders_2026_10", "2026-10-01", "2026-11-01");
    orders.add_pending("orders_2027_01", "2027-01-01", "2027-02-01");
    const Plan plan = orders.plan("2026-11-01", "2027-01-01");
    EXPECT_EQ(obstacles_of(plan), Lines{});
    EXPECT_EQ(actions_of(plan), (Lines{november_wanted, december_created}));
}

TEST(Obstacle, IsNotAPendingDetachOfTheCoveredPartOfTheSlot) {
    Orders orders{Interval::monthly};
    orders.add("first half", "2026-11-01", "2026-11-15");
    orders.add_pending("october", "2026-10-01", "2026-11-01");
    EXPECT_EQ(actions_of(orders.plan("2026-11-01", "2026-12-01")),
              Lines{"orders_20261115_20261201: 2026-11-15 to 2026-12-01"});
}

TEST(Obstacle, IsTheNameOfAPieceThatWouldBeTooLong) {
    Orders orders{Interval::monthly};
    const std::string table(46, 'o');  // and 18 bytes for a piece
    orders.parent.configuration.table_name = table;
    orders.add("november", "2026-11-01", "2026-11-20");
    const Plan plan = orders.plan("2026-11-01", "2027-01-01");
    EXPECT_EQ(obstacles_of(plan),
              Lines{table + "_20261120_20261201: 2026-11-20 to 2026-12-01: name_too_long"});
    EXPECT_EQ(actions_of(plan), Lines{table + "_2026_12: 2026-12-01 to 2027-01-01"});
}

TEST(Obstacle, IsNotTheNameOfAPieceThatJustFits) {
    Orders orders{Interval::monthly};
    const std::string table(45, 'o');
    orders.parent.configuration.table_name = table;
    orders.add("november", "2026-11-01", "2026-11-20");
    EXPECT_EQ(actions_of(orders.plan("2026-11-01", "2026-12-01")),
              Lines{table + "_20261120_20261201: 2026-11-20 to 2026-12-01"});
}

TEST(Obstacle, IsReportedForEachSlotThatItBlocks) {
    Orders orders{Interval::monthly};
    orders.add_pending("halves", "2026-11-15", "2026-12-15");
    EXPECT_EQ(obstacles_of(orders.plan("2026-11-01", "2027-01-01")),
              (Lines{november_blocked_by("pending_detach"),
                     std::string{december_created} + ": pending_detach"}));
}

TEST(Obstacle, DoesNotHideAnother) {
    Orders orders{Interval::monthly};
    orders.add_pending("halves", "2026-11-15", "2026-12-15");
    orders.add_pending("more", "2027-01-15", "2027-02-01");
    EXPECT_EQ(obstacles_of(orders.plan("2026-12-01", "2027-02-01")),
              (Lines{std::string{december_created} + ": pending_detach",
                     "orders_2027_01: 2027-01-01 to 2027-02-01: pending_detach"}));
}

TEST(RelationExists, MayThrow) {
    const Orders orders{Interval::monthly};
    const Window november{Interval::monthly, civil("2026-11-01"), civil("2026-12-01"), true};
    const auto lost_connection = [](const std::string&) -> bool {
        throw std::runtime_error{"lost connection"};
    };
    Lookups lookups;
    lookups.relation_exists = lost_connection;
    EXPECT_THROW(compute_plan(orders.parent, orders.codec, {november, november}, lookups),
                 std::runtime_error);
}

}  // namespace
}  // namespace ppm
