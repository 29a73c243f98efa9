// Days on which the clock is changed: which slot is the current one, and whether what is inserted
// finds a partition.
#include <gtest/gtest.h>

#include "every_kind.hpp"

namespace ppm {
namespace {

using namespace std::chrono_literals;

Instant utc(const std::string& time) {
    return Instant{civil(time).time_since_epoch()};
}

struct Day {
    const TestZone& zone;
    const char* noon;  // UTC
};

// Each has a change within 14 hours of it, or, for the line in the sea, a day that does not exist.
const Day days_of_change[] = {
    {zones::new_york, "2026-03-08 12:00"},  {zones::new_york, "2026-11-01 12:00"},
    {zones::havana, "2018-03-11 12:00"},    {zones::havana, "2018-11-04 12:00"},
    {zones::sao_paulo, "2018-11-04 12:00"}, {zones::sao_paulo, "2019-02-17 12:00"},
    {zones::lord_howe, "2026-04-04 12:00"}, {zones::lord_howe, "2026-10-03 12:00"},
    {zones::apia, "2011-12-30 12:00"},
};

// Calls property(codec, interval, now) for each minute.
template <typename Property>
void for_each_minute(const Kind& kind, Property property) {
    const auto& [grid, key] = kind;
    const auto& interval = std::get<Interval>(grid);
    for (const Day& day : days_of_change) {
        const KeyCodec codec{key, day.zone};
        for (Instant now = utc(day.noon) - 14h; now < utc(day.noon) + 14h; now += 1min) {
            property(codec, interval, now);
            if (testing::Test::HasFailure()) {
                ADD_FAILURE() << "at " << to_text(LocalTime{now.time_since_epoch()}) << " UTC";
                return;
            }
        }
    }
}

class EveryClockChange : public testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(, EveryClockChange, every_kind_of_time(), name_of_kind);

bool holds(const KeyCodec& codec, const Slot& slot, Bound key) {
    return codec.encode(slot.lower) <= key && key < codec.encode(slot.upper);
}

TEST_P(EveryClockChange, HasOneSlotThatHoldsNowAndThatIsTheCurrentOne) {
    for_each_minute(GetParam(), [](const KeyCodec& codec, const Interval& interval, Instant now) {
        const Bound key = codec.encode(now);
        const LocalTime start = current_start(now, codec, interval).time();
        EXPECT_TRUE(holds(codec, slot_at(interval, start), key)) << to_text(start);
        for (const int beside : {-100, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 100})
            EXPECT_FALSE(
                holds(codec, slot_at(interval, slots_after(interval, start, beside)), key));
    });
}

TEST_P(EveryClockChange, HasEdgesThatNeverRunBackwards) {
    for_each_minute(GetParam(), [](const KeyCodec& codec, const Interval& interval, Instant now) {
        const Slot slot = slot_at(interval, codec.civil(now));
        EXPECT_LE(codec.encode(slot.lower), codec.encode(slot.upper));
    });
}

// With the least that can be configured, and a call every minute.
TEST_P(EveryClockChange, LeavesAPartitionForNowAndForTheNextMinute) {
    for_each_minute(GetParam(), [](const KeyCodec& codec, const Interval& interval, Instant now) {
        const Window window = window_at(now, codec, interval, 1, std::nullopt);
        const BoundRange covered{codec.encode(window.lower), codec.encode(window.upper)};
        for (const Instant inserted : {now, now + 59s}) {
            EXPECT_LE(covered.lower, codec.encode(inserted));
            EXPECT_LT(codec.encode(inserted), covered.upper);
        }
    });
}

TEST_P(EveryClockChange, CountsTheSlotsOfTheWindow) {
    for_each_minute(GetParam(), [](const KeyCodec& codec, const Interval& interval, Instant now) {
        const Window window = window_at(now, codec.of_instants(), interval, 2, 3);
        EXPECT_EQ(slots_of(window).size(), 6U);
        EXPECT_EQ(slots_after(interval, window.lower, 3), window.current);
    });
}

// The quarter of an hour before the hour that comes twice is as long as five.
TEST(ClockChange, LeavesTheFirstOfTwoHoursToTheSlotBeforeIt) {
    const KeyCodec codec{KeyType::timestamptz, zones::new_york};
    const auto start = [&](const char* now) {
        return to_text(current_start(utc(now), codec, minutes(15)));
    };
    EXPECT_EQ(start("2026-11-01 04:44:59"), "2026-11-01 00:30:00");
    EXPECT_EQ(start("2026-11-01 04:45"), "2026-11-01 00:45:00");
    EXPECT_EQ(start("2026-11-01 05:20"), "2026-11-01 00:45:00");
    EXPECT_EQ(start("2026-11-01 05:59:59"), "2026-11-01 00:45:00");
    EXPECT_EQ(start("2026-11-01 06:00"), "2026-11-01 01:00:00");
    EXPECT_EQ(start("2026-11-01 06:20"), "2026-11-01 01:15:00");
}

TEST(ClockChange, SkipsTheHourThatDoesNotExist) {
    const KeyCodec codec{KeyType::timestamptz, zones::new_york};
    EXPECT_EQ(to_text(current_start(utc("2026-03-08 06:59"), codec, minutes(15))),
              "2026-03-08 01:45:00");
    EXPECT_EQ(to_text(current_start(utc("2026-03-08 07:00"), codec, minutes(15))),
              "2026-03-08 03:00:00");
    for (const char* const skipped : {"2026-03-08 02:00", "2026-03-08 02:45", "2026-03-08 03:00"})
        EXPECT_EQ(codec.encode(civil(skipped)), codec.encode(utc("2026-03-08 07:00"))) << skipped;
}

// Rows with civil time come for 01:20 once more: their partition is not outdated.
TEST(ClockChange, KeepsTheHourThatComesAgainForKeysOfCivilTime) {
    const KeyCodec codec{KeyType::timestamp, zones::new_york};
    const Window window = window_at(utc("2026-11-01 05:50"), codec, minutes(15), 1, 1);
    EXPECT_EQ(range_text(window.lower, window.upper), "2026-11-01 00:30:00 to 2026-11-01 02:15:00");
    EXPECT_EQ(to_text(window.current), "2026-11-01 01:45:00");
}

}  // namespace
}  // namespace ppm
