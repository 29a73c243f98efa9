// What the planner creates, and under which names. What stands in its way is in
// planner_obstacle_test.cpp.
#include "core/plan/planner.hpp"
#include "core/key/uuidv7.hpp"

#include <gtest/gtest.h>

#include "orders.hpp"

namespace ppm {
namespace {

// The plan, where nothing stands in its way.
Lines created(const Orders& orders, const std::string& lower, const std::string& upper) {
    const Plan plan = orders.plan(lower, upper);
    EXPECT_EQ(obstacles_of(plan), Lines{});
    return actions_of(plan);
}

TEST(Planner, GivesAnEmptyParentEverySlotOfTheWindow) {
    EXPECT_EQ(created(Orders{Interval::daily}, "2026-02-27", "2026-03-02"),
              (Lines{"orders_2026_02_27: 2026-02-27 to 2026-02-28",
                     "orders_2026_02_28: 2026-02-28 to 2026-03-01",
                     "orders_2026_03_01: 2026-03-01 to 2026-03-02"}));
    EXPECT_EQ(created(Orders{Interval::weekly}, "2026-12-21", "2027-01-04"),
              (Lines{"orders_2026_w52: 2026-12-21 to 2026-12-28",
                     "orders_2026_w53: 2026-12-28 to 2027-01-04"}));
    EXPECT_EQ(created(Orders{Interval::monthly}, "2026-11-01", "2027-01-01"),
              (Lines{"orders_2026_11: 2026-11-01 to 2026-12-01",
                     "orders_2026_12: 2026-12-01 to 2027-01-01"}));
    EXPECT_EQ(created(Orders{Interval::quarterly}, "2026-10-01", "2027-04-01"),
              (Lines{"orders_2026_q4: 2026-10-01 to 2027-01-01",
                     "orders_2027_q1: 2027-01-01 to 2027-04-01"}));
    EXPECT_EQ(
        created(Orders{Interval::yearly}, "2026-01-01", "2028-01-01"),
        (Lines{"orders_2026: 2026-01-01 to 2027-01-01", "orders_2027: 2027-01-01 to 2028-01-01"}));
}

TEST(Planner, GivesTheBoundsInTheTypeOfTheKey) {
    const LocalTime lower = civil("2026-11-22");
    const LocalTime upper = civil("2026-11-23");
    const Instant instant{lower.time_since_epoch() - std::chrono::minutes{330}};
    const std::pair<KeyType, BoundRange> expected[] = {
        {KeyType::date, {Bound::of_integer(9822), Bound::of_integer(9823)}},
        {KeyType::timestamp,
         {Bound::of_integer(848620800000000), Bound::of_integer(848707200000000)}},
        {KeyType::timestamptz,
         {Bound::of_integer(848601000000000), Bound::of_integer(848687400000000)}},
        {KeyType::uuid,
         {Bound::of_bytes(uuidv7_lower_bound(instant)),
          Bound::of_bytes(uuidv7_lower_bound(instant + std::chrono::days{1}))}},
    };
    for (const auto& [type, bounds] : expected) {
        const Orders orders{Interval::daily, type, zones::kolkata};
        const Plan plan = orders.plan(Window{Interval::daily, lower, upper, true});
        ASSERT_EQ(plan.provision.size(), 1U);
        EXPECT_EQ(std::get<CreatePartition>(plan.provision[0]).bounds, bounds) << name_of(type);
    }
}

TEST(Planner, LeavesACoveredWindowAlone) {
    Orders orders{Interval::monthly};
    orders.add("orders_2026_11", "2026-11-01", "2026-12-01");
    orders.add("whatever", "2026-12-01", "2027-01-01");
    EXPECT_EQ(created(orders, "2026-11-01", "2027-01-01"), Lines{});
}

TEST(Planner, FillsAHoleInTheMiddle) {
    Orders orders{Interval::monthly};
    orders.add("orders_2026_10", "2026-10-01", "2026-11-01");
    orders.add("orders_2026_12", "2026-12-01", "2027-01-01");
    EXPECT_EQ(created(orders, "2026-10-01", "2027-01-01"),
              Lines{"orders_2026_11: 2026-11-01 to 2026-12-01"});
}

TEST(Planner, IgnoresAHoleOutsideTheWindow) {
    Orders orders{Interval::monthly};
    orders.add("orders_2026_01", "2026-01-01", "2026-02-01");
    orders.add("orders_2027_06", "2027-06-01", "2027-07-01");
    EXPECT_EQ(created(orders, "2026-11-01", "2026-12-01"),
              Lines{"orders_2026_11: 2026-11-01 to 2026-12-01"});
}

TEST(Planner, CompletesAMonthOfDaysAfterAChangeToMonthly) {
    Orders orders{Interval::monthly};
    orders.add("orders_2026_11_21", "2026-11-21", "2026-11-22");
    orders.add("orders_2026_11_22", "2026-11-22", "2026-11-23");
    EXPECT_EQ(created(orders, "2026-11-01", "2027-01-01"),
              (Lines{"orders_20261101_20261121: 2026-11-01 to 2026-11-21",
                     "orders_20261123_20261201: 2026-11-23 to 2026-12-01",
                     "orders_2026_12: 2026-12-01 to 2027-01-01"}));
}

TEST(Planner, ContinuesAfterTheMonthAfterAChangeToDaily) {
    Orders orders{Interval::daily};
    orders.add("orders_2026_11", "2026-11-01", "2026-12-01");
    EXPECT_EQ(created(orders, "2026-11-28", "2026-12-03"),
              (Lines{"orders_2026_12_01: 2026-12-01 to 2026-12-02",
                     "orders_2026_12_02: 2026-12-02 to 2026-12-03"}));
}

TEST(Planner, CompletesTheMonthThatAWeekReachesIntoAfterAChangeToMonthly) {
    Orders orders{Interval::monthly};
    orders.add("orders_2026_w48", "2026-11-23", "2026-11-30");
    orders.add("orders_2026_w49", "2026-11-30", "2026-12-07");
    EXPECT_EQ(created(orders, "2026-12-01", "2027-02-01"),
              (Lines{"orders_20261207_20270101: 2026-12-07 to 2027-01-01",
                     "orders_2027_01: 2027-01-01 to 2027-02-01"}));
}

TEST(Planner, CompletesTheWeekThatAMonthEndsInAfterAChangeToWeekly) {
    Orders orders{Interval::weekly};
    orders.add("orders_2026_11", "2026-11-01", "2026-12-01");
    EXPECT_EQ(created(orders, "2026-11-23", "2026-12-14"),
              (Lines{"orders_20261201_20261207: 2026-12-01 to 2026-12-07",
                     "orders_2026_w50: 2026-12-07 to 2026-12-14"}));
}

TEST(Planner, CompletesSlotsThatAnotherZoneCut) {
    Orders orders{Interval::daily, KeyType::timestamptz, zones::kolkata};
    orders.add("orders_2026_11_22", "2026-11-22 05:30", "2026-11-23 05:30");
    EXPECT_EQ(created(orders, "2026-11-23", "2026-11-25"),
              (Lines{"orders_202611230530_20261124: 2026-11-23 05:30:00 to 2026-11-24",
                     "orders_2026_11_24: 2026-11-24 to 2026-11-25"}));
}

TEST(Planner, FillsUpToPartitionsWithoutEnd) {
    Orders orders{Interval::monthly};
    orders.add("orders_past", "-infinity", "2026-10-15");
    orders.add("orders_future", "2026-12-15", "infinity");
    EXPECT_EQ(created(orders, "2026-09-01", "2027-02-01"),
              (Lines{"orders_20261015_20261101: 2026-10-15 to 2026-11-01",
                     "orders_2026_11: 2026-11-01 to 2026-12-01",
                     "orders_20261201_20261215: 2026-12-01 to 2026-12-15"}));
}

TEST(Planner, LeavesAloneWhatOnePartitionCoversWholly) {
    Orders orders{Interval::monthly};
    orders.add("orders_all", "-infinity", "infinity");
    EXPECT_EQ(created(orders, "2026-01-01", "2027-01-01"), Lines{});
}

TEST(Planner, IsNotStoppedByADefaultPartition) {
    Orders orders{Interval::monthly};
    orders.add_default("orders_default");
    EXPECT_EQ(created(orders, "2026-11-01", "2026-12-01"),
              Lines{"orders_2026_11: 2026-11-01 to 2026-12-01"});
}

TEST(Planner, IsNotStoppedByANameInAnotherSchema) {
    Orders orders{Interval::monthly};
    orders.add_in_archive("orders_2026_11", "2026-10-01", "2026-11-01");
    EXPECT_EQ(created(orders, "2026-10-01", "2026-12-01"),
              Lines{"orders_2026_11: 2026-11-01 to 2026-12-01"});
}

TEST(Planner, NamesPiecesOfOneDayByTheirMinutes) {
    Orders orders{Interval::daily, KeyType::timestamp};
    orders.add("morning", "2026-11-22 06:00", "2026-11-22 12:00");
    orders.add("evening", "2026-11-22 18:00", "2026-11-22 21:30");
    EXPECT_EQ(created(orders, "2026-11-22", "2026-11-23"),
              (Lines{"orders_20261122_202611220600: 2026-11-22 to 2026-11-22 06:00:00",
                     "orders_202611221200_202611221800: 2026-11-22 12:00:00 to 2026-11-22 18:00:00",
                     "orders_202611222130_20261123: 2026-11-22 21:30:00 to 2026-11-23"}));
}

TEST(Planner, NumbersAPieceWhereAPartitionHasItsName) {
    Orders orders{Interval::daily, KeyType::timestamp};
    orders.add("orders_202611222130_20261123", "2026-11-22", "2026-11-22 21:30");
    EXPECT_EQ(created(orders, "2026-11-22", "2026-11-23"),
              Lines{"orders_202611222130_20261123_2: 2026-11-22 21:30:00 to 2026-11-23"});
}

std::set<std::string> names_in(const Plan& plan) {
    std::set<std::string> names;
    for (const Action& action : plan.provision)
        names.insert(std::get<CreatePartition>(action).name);
    return names;
}

TEST(Planner, NamesPiecesOfOneSecondApart) {
    Orders orders{Interval::daily, KeyType::timestamp};
    orders.add("before", "2026-11-22", "2026-11-22 06:00:00.1");
    orders.add("second", "2026-11-22 06:00:00.2", "2026-11-22 06:00:00.3");
    orders.add("third", "2026-11-22 06:00:00.4", "2026-11-22 06:00:00.5");
    orders.add("after", "2026-11-22 06:00:00.6", "2026-11-23");
    EXPECT_EQ(names_in(orders.plan("2026-11-22", "2026-11-23")).size(), 3U);
}

TEST(Planner, NamesPiecesOfTheHourThatComesTwiceApart) {
    Orders orders{Interval::daily, KeyType::timestamptz, zones::havana};
    const auto in_utc = [](const char* lower, const char* upper) {
        const KeyCodec utc{KeyType::timestamptz, zones::utc};
        return BoundRange{utc.encode(civil(lower)), utc.encode(civil(upper))};
    };
    orders.add(orders.partition("a", in_utc("2018-11-03 04:00", "2018-11-04 04:05")));
    orders.add(orders.partition("b", in_utc("2018-11-04 04:10", "2018-11-04 04:20")));
    orders.add(orders.partition("c", in_utc("2018-11-04 04:30", "2018-11-04 05:20")));
    orders.add(orders.partition("d", in_utc("2018-11-04 05:30", "2018-11-05 05:00")));
    EXPECT_EQ(names_in(orders.plan("2018-11-03", "2018-11-05")).size(), 3U);
}

TEST(Planner, LeavesOutTheDayThatAZoneSkipped) {
    EXPECT_EQ(created(Orders{Interval::daily, KeyType::timestamptz, zones::apia}, "2011-12-29",
                      "2012-01-01"),
              (Lines{"orders_2011_12_29: 2011-12-29 to 2011-12-30",
                     "orders_2011_12_31: 2011-12-31 to 2012-01-01"}));
    EXPECT_EQ(
        created(Orders{Interval::daily, KeyType::date, zones::apia}, "2011-12-30", "2011-12-31"),
        Lines{"orders_2011_12_30: 2011-12-30 to 2011-12-31"});
}

TEST(Planner, NamesTheDayWithoutAMidnightAsAnyOther) {
    EXPECT_EQ(created(Orders{Interval::daily, KeyType::timestamptz, zones::sao_paulo}, "2018-11-03",
                      "2018-11-05"),
              (Lines{"orders_2018_11_03: 2018-11-03 to 2018-11-04",
                     "orders_2018_11_04: 2018-11-04 to 2018-11-05"}));
}

}  // namespace
}  // namespace ppm
