// Which rows are moved, and into which new partitions.
#include "core/plan/move.hpp"

#include <gtest/gtest.h>

#include "civil.hpp"
#include "printers.hpp"
#include "test_zones.hpp"

namespace ppm {

namespace {

class MoveTest : public testing::Test {
  protected:
    MoveTest() {
        parent_.configuration.table_name = "t";
        parent_.configuration.interval = Grid{Interval::daily};
        parent_.timezone_known = true;
    }

    Bound day(const char* text) const { return codec_.encode(civil(text)); }

    void add(const char* name, Bound lower, Bound upper) {
        parent_.partitions.push_back({1, "public", name, {lower, upper}, false});
    }

    void add_default() {
        parent_.default_partition =
            Partition{2, "public", "t_default", {Bound::min_value(), Bound::max_value()}, false};
    }

    // With rows of these days in each partition that is asked about.
    MovePlan plan(const std::vector<const char*>& days, const MoveRange& range = {}) const {
        std::vector<Position> starts;
        for (const char* each : days)
            starts.push_back(civil(each));
        const Window window{Interval::daily, civil("2026-03-10"), civil("2026-03-14"), false,
                            civil("2026-03-12")};
        return plan_move(parent_, codec_, window, range, [&](const Partition& partition) {
            std::vector<Position> found;
            for (const Position start : starts)
                if (codec_.encode(start) < partition.bounds.upper &&
                    partition.bounds.lower <= codec_.encode(start))
                    found.push_back(start);
            return found;
        });
    }

    static std::string names(const MovePlan& plan) {
        std::string text;
        for (const MoveTarget& each : plan.targets)
            text += (text.empty() ? "" : " ") + each.name;
        return text;
    }

    const TestZone& zone_ = zones::utc;
    const KeyCodec codec_{KeyType::date, zone_};
    Parent parent_{};
};

TEST_F(MoveTest, SlotsAreLeftAsTheyAre) {
    add("t_2026_03_10", day("2026-03-10"), day("2026-03-11"));
    EXPECT_TRUE(plan({"2026-03-10"}).empty());
}

TEST_F(MoveTest, RowsOfTheDefaultPartitionGetTheirSlots) {
    add("t_2026_03_10", day("2026-03-10"), day("2026-03-11"));
    add_default();
    const MovePlan result = plan({"2026-03-11", "2026-03-20"});
    EXPECT_EQ(names(result), "t_2026_03_11 t_2026_03_20");
    EXPECT_TRUE(result.from_default);
    EXPECT_TRUE(result.sources.empty());
}

TEST_F(MoveTest, WhatIsOutdatedStaysUnlessItIsAskedFor) {
    add_default();
    EXPECT_TRUE(plan({"2026-03-01"}).empty());
    EXPECT_EQ(names(plan({"2026-03-01"}, {day("2026-03-01"), day("2026-03-02")})), "t_2026_03_01");
}

TEST_F(MoveTest, WidePartitionIsCoveredToItsEnds) {
    add("t_until", Bound::min_value(), day("2026-03-13"));
    EXPECT_EQ(names(plan({"2026-03-09"})),
              "t_until_20260309 t_2026_03_09 t_2026_03_10 t_2026_03_11 t_2026_03_12");
}

TEST_F(MoveTest, WidePartitionWithoutAnEndKeepsOne) {
    add("t_all", Bound::min_value(), Bound::max_value());
    EXPECT_EQ(names(plan({"2026-03-15"})),
              "t_until_20260310 t_2026_03_10 t_2026_03_11 t_2026_03_12 t_2026_03_13 t_2026_03_14 "
              "t_2026_03_15 t_from_20260316");
}

TEST_F(MoveTest, RangeOfAWidePartitionLeavesTheRestInPieces) {
    add("t_wide", day("2026-03-01"), day("2026-03-20"));
    EXPECT_EQ(names(plan({"2026-03-05"}, {day("2026-03-10"), day("2026-03-12")})),
              "t_20260301_20260310 t_2026_03_10 t_2026_03_11 t_20260312_20260320");
}

TEST_F(MoveTest, PiecesOfASlotBecomeOne) {
    const KeyCodec instants{KeyType::timestamp, zone_};
    parent_.partitions = {
        {1,
         "public",
         "a",
         {instants.encode(civil("2026-03-10")), instants.encode(civil("2026-03-10 12:00"))},
         false},
        {3,
         "public",
         "b",
         {instants.encode(civil("2026-03-10 12:00")), instants.encode(civil("2026-03-11"))},
         false}};
    const Window window{Interval::daily, civil("2026-03-10"), civil("2026-03-14"), false,
                        civil("2026-03-12")};
    const MovePlan result = plan_move(parent_, instants, window, {},
                                      [](const Partition&) { return std::vector<Position>{}; });
    EXPECT_EQ(names(result), "t_2026_03_10");
    EXPECT_EQ(result.sources.size(), 2U);
    parent_.partitions.pop_back();
    EXPECT_TRUE(plan_move(parent_, instants, window, {}, [](const Partition&) {
                    return std::vector<Position>{};
                }).empty());
}

TEST_F(MoveTest, TargetsCoverWhatTheSourcesCover) {
    add("t_until", Bound::min_value(), day("2026-03-06"));
    add("t_wide", day("2026-03-06"), day("2026-03-20"));
    const MovePlan result = plan({"2026-03-01", "2026-03-19"}, {day("2026-02-01"), {}});
    ASSERT_EQ(result.sources.size(), 2U);
    EXPECT_EQ(result.targets.front().bounds.lower, Bound::min_value());
    EXPECT_EQ(result.targets.back().bounds.upper, day("2026-03-20"));
    for (std::size_t i = 1; i < result.targets.size(); ++i)
        EXPECT_EQ(result.targets[i - 1].bounds.upper, result.targets[i].bounds.lower);
}

TEST(Joined, RangesThatTouchAreOne) {
    const auto at = [](int day) { return Bound::of_integer(day); };
    EXPECT_EQ(joined({{at(1), at(2)}, {at(2), at(3)}, {at(4), at(5)}}),
              (std::vector<BoundRange>{{at(1), at(3)}, {at(4), at(5)}}));
}

}  // namespace

}  // namespace ppm
