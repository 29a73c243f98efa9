#include "core/plan/state.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "key_bounds.hpp"
#include "orders.hpp"

namespace ppm {
namespace {

constexpr const char* today = "2026-11-22";

// By month, from October 2026 to January 2027.
class StateOf : public testing::Test {
  protected:
    explicit StateOf(KeyType key_type = KeyType::date) : orders{Interval::monthly, key_type} {
        orders.parent.configuration.retention = 1;
        orders.parent.configuration.pre_provisioned = 2;
    }

    std::string state(const std::string& lower, const std::string& upper) {
        return state(orders.bounds(lower, upper));
    }
    std::string state(const BoundRange& bounds) {
        return state(orders.partition("orders_2000_01", bounds));
    }
    std::string state(const Partition& partition) const {
        return std::string{name_of(state_of(partition, orders.codec, orders.window_on(today)))};
    }

    Orders orders;
};

TEST_F(StateOf, ASlotIsItsPlaceBesideTheCurrentOne) {
    EXPECT_EQ(state("2026-09-01", "2026-10-01"), "outdated");
    EXPECT_EQ(state("2026-10-01", "2026-11-01"), "retained");
    EXPECT_EQ(state("2026-11-01", "2026-12-01"), "current");
    EXPECT_EQ(state("2026-12-01", "2027-01-01"), "upcoming");
    EXPECT_EQ(state("2027-01-01", "2027-02-01"), "upcoming");
    EXPECT_EQ(state("2027-02-01", "2027-03-01"), "surplus");
}

TEST_F(StateOf, WhatIsNotOneSlotOfTheWindowIsOffGrid) {
    EXPECT_EQ(state("2026-11-22", "2026-11-23"), "off_grid");
    EXPECT_EQ(state("2026-11-01", "2027-01-01"), "off_grid");
    EXPECT_EQ(state("2026-11-01", "2026-11-30"), "off_grid");
    EXPECT_EQ(state("2026-11-02", "2026-12-01"), "off_grid");
}

TEST_F(StateOf, WhatReachesOverAnEdgeOfTheWindowIsOffGrid) {
    EXPECT_EQ(state("2026-09-01", "2026-10-02"), "off_grid");
    EXPECT_EQ(state("2027-01-31", "2027-03-01"), "off_grid");
    EXPECT_EQ(state("-infinity", "infinity"), "off_grid");
}

TEST_F(StateOf, WhatIsNotOneSlotIsOutdatedOrSurplusBesideTheWindow) {
    EXPECT_EQ(state("-infinity", "2026-10-01"), "outdated");
    EXPECT_EQ(state("2020-02-02", "2020-02-03"), "outdated");
    EXPECT_EQ(state("2027-02-01", "infinity"), "surplus");
    EXPECT_EQ(state("2030-02-02", "2030-02-03"), "surplus");
}

TEST_F(StateOf, WhatIsBeforeTheWindowIsRetainedWithoutRetention) {
    orders.parent.configuration.retention = {};
    EXPECT_EQ(state("2026-10-01", "2026-11-01"), "retained");
    EXPECT_EQ(state("2020-02-02", "2020-02-03"), "retained");
    EXPECT_EQ(state("-infinity", "2026-11-01"), "retained");
    EXPECT_EQ(state("2026-10-01", "2026-11-02"), "off_grid");
    EXPECT_EQ(state("2027-02-01", "2027-03-01"), "surplus");
}

TEST_F(StateOf, ADetachThatIsPendingSaysNothingElse) {
    orders.add_pending("past", "2020-01-01", "2020-02-01");
    orders.add_pending("current", "2026-11-01", "2026-12-01");
    orders.add_pending("future", "2030-01-01", "2030-02-01");
    for (const Partition& each : orders.parent.partitions)
        EXPECT_EQ(state(each), "pending_detach") << each.name;
}

class UuidStateOf : public StateOf {
  protected:
    UuidStateOf() : StateOf{KeyType::uuid} {}
};

TEST_F(UuidStateOf, ASlotIsTheSameHoweverItsBoundsAreWritten) {
    EXPECT_EQ(state({bare("2026-09-01"), bare("2026-10-01")}), "outdated");
    EXPECT_EQ(state({bare("2026-11-01"), bare("2026-12-01")}), "current");
    EXPECT_EQ(state({bare("2026-11-01"), versioned("2026-12-01")}), "current");
    EXPECT_EQ(state({versioned("2026-11-01"), bare("2026-12-01")}), "current");
    EXPECT_EQ(state({bare("2027-02-01"), bare("2027-03-01")}), "surplus");
}

TEST(PartitionStateName, IsThatOfTheView) {
    const std::pair<PartitionState, const char*> names[] = {
        {PartitionState::retained, "retained"},
        {PartitionState::current, "current"},
        {PartitionState::upcoming, "upcoming"},
        {PartitionState::outdated, "outdated"},
        {PartitionState::surplus, "surplus"},
        {PartitionState::off_grid, "off_grid"},
        {PartitionState::default_partition, "default"},
        {PartitionState::pending_detach, "pending_detach"}};
    for (const auto& [state, name] : names)
        EXPECT_EQ(name_of(state), name);
}

class PlaceIn : public testing::Test {
  protected:
    Place place(const BoundRange& bounds) const {
        return place_in({Interval::monthly, civil("2026-10-01"), civil("2027-02-01"), false}, codec,
                        bounds);
    }

    KeyCodec codec{KeyType::uuid, zones::utc};
};

TEST_F(PlaceIn, IsOutdatedUpToTheStartOfTheWindowHoweverThatIsWritten) {
    EXPECT_EQ(place({bare("2026-09-01"), bare("2026-10-01")}), Place::outdated);
    EXPECT_EQ(place({bare("2026-09-01"), versioned("2026-10-01")}), Place::outdated);
    EXPECT_EQ(place({bare("2026-09-01"), bare("2026-10-01 00:00:00.001")}), Place::inside);
}

TEST_F(PlaceIn, IsSurplusFromTheEndOfTheWindowHoweverThatIsWritten) {
    EXPECT_EQ(place({bare("2027-02-01"), bare("2027-03-01")}), Place::surplus);
    EXPECT_EQ(place({versioned("2027-02-01"), bare("2027-03-01")}), Place::surplus);
    EXPECT_EQ(place({bare("2027-01-31 23:59:59.999"), bare("2027-03-01")}), Place::inside);
}

TEST_F(PlaceIn, IsInsideWhereItHoldsTheWholeWindow) {
    EXPECT_EQ(place({Bound::min_value(), Bound::max_value()}), Place::inside);
}

std::optional<Slot> slot_between(const KeyCodec& codec, Interval interval, const std::string& lower,
                                 const std::string& upper) {
    return slot_of({codec.encode(civil(lower)), codec.encode(civil(upper))}, codec, interval);
}

TEST(SlotOf, ASlotIsThatSlot) {
    const KeyCodec codec{KeyType::timestamptz, zones::kolkata};
    const std::pair<Interval, const char*> ends[] = {{Interval::daily, "2029-01-02"},
                                                     {Interval::weekly, "2029-01-08"},
                                                     {Interval::monthly, "2029-02-01"},
                                                     {Interval::quarterly, "2029-04-01"},
                                                     {Interval::yearly, "2030-01-01"}};
    for (const auto& [interval, end] : ends) {
        // A Monday, on which a slot of every interval begins.
        const Slot slot{civil("2029-01-01"), civil(end)};
        EXPECT_EQ(slot_between(codec, interval, "2029-01-01", end), slot);
    }
}

TEST(SlotOf, AnythingElseIsNone) {
    const KeyCodec codec{KeyType::timestamp, zones::utc};
    EXPECT_EQ(slot_between(codec, Interval::daily, "2026-11-22", "2026-11-24"), std::nullopt);
    EXPECT_EQ(slot_between(codec, Interval::daily, "2026-11-22", "2026-11-22 12:00"), std::nullopt);
    EXPECT_EQ(slot_between(codec, Interval::daily, "2026-11-22 00:00:00.000001", "2026-11-23"),
              std::nullopt);
    EXPECT_EQ(slot_between(codec, Interval::weekly, "2026-11-22", "2026-11-29"), std::nullopt);
}

TEST(SlotOf, WhatHasNoStartOrNoEndIsNone) {
    const KeyCodec codec{KeyType::date, zones::utc};
    const Bound day = codec.encode(civil("2026-01-01"));
    const Bound infinity = Bound::of_integer(std::numeric_limits<std::int32_t>::max());
    EXPECT_EQ(slot_of({Bound::min_value(), day}, codec, Interval::yearly), std::nullopt);
    EXPECT_EQ(slot_of({day, Bound::max_value()}, codec, Interval::yearly), std::nullopt);
    EXPECT_EQ(slot_of({day, infinity}, codec, Interval::yearly), std::nullopt);
    EXPECT_EQ(slot_of({infinity, Bound::max_value()}, codec, Interval::yearly), std::nullopt);
}

TEST(SlotOf, WhatLiesBesideTheCalendarIsNone) {
    const KeyCodec codec{KeyType::date, zones::utc};
    EXPECT_EQ(slot_between(codec, Interval::daily, "0000-12-31", "0001-01-01"), std::nullopt);
    EXPECT_EQ(slot_between(codec, Interval::daily, "10000-01-01", "10000-01-02"), std::nullopt);
    EXPECT_NE(slot_between(codec, Interval::daily, "0001-01-01", "0001-01-02"), std::nullopt);
    EXPECT_NE(slot_between(codec, Interval::daily, "9999-12-31", "10000-01-01"), std::nullopt);
}

TEST(SlotOf, ADayWithoutMidnightIsThatDay) {
    const KeyCodec codec{KeyType::timestamptz, zones::sao_paulo};
    const Slot day{civil("2018-11-04"), civil("2018-11-05")};
    EXPECT_EQ(slot_between(codec, Interval::daily, "2018-11-04", "2018-11-05"), day);
    EXPECT_EQ(slot_between(codec, Interval::daily, "2018-11-04 01:00", "2018-11-05"), day);
}

TEST(SlotOf, TheDayBesideOneThatDoesNotExistIsThatDay) {
    const KeyCodec codec{KeyType::timestamptz, zones::apia};
    EXPECT_EQ(slot_between(codec, Interval::daily, "2011-12-29", "2011-12-30"),
              (Slot{civil("2011-12-29"), civil("2011-12-30")}));
    EXPECT_EQ(slot_between(codec, Interval::daily, "2011-12-31", "2012-01-01"),
              (Slot{civil("2011-12-31"), civil("2012-01-01")}));
}

TEST(SlotOf, TheUuidsThatBeginIn1970IsTheSlotThat1970LiesIn) {
    const KeyCodec codec{KeyType::uuid, zones::utc};
    EXPECT_EQ(slot_between(codec, Interval::weekly, "1969-12-29", "1970-01-05"),
              (Slot{civil("1969-12-29"), civil("1970-01-05")}));
}

}  // namespace
}  // namespace ppm
