#include "core/grid/interval.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>

#include "civil.hpp"
#include "core/grid/grid.hpp"
#include "core/grid/naming.hpp"
#include "intervals.hpp"
#include "printers.hpp"

namespace ppm {
namespace {

constexpr std::int64_t minute = 60'000'000;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

std::string spelled(std::int64_t months, std::int64_t days, std::int64_t microseconds) {
    const auto interval = interval_of(months, days, microseconds);
    return interval ? name_of(*interval) : "none";
}

TEST(NoInterval, SaysWhy) {
    EXPECT_STREQ(why_no_interval(1, 3, 0), "It has more than one of months, days and time.");
    EXPECT_STREQ(why_no_interval(0, 0, minute / 2), "It is not a number of whole minutes.");
    EXPECT_STREQ(why_no_interval(0, 0, 0), "It is not positive, or longer than 1000 years.");
    EXPECT_STREQ(why_no_interval(-1, 0, 0), "It is not positive, or longer than 1000 years.");
}

TEST(SlotFromAnotherOrigin, IsAsWideAsOne) {
    const auto is_one = [](const Grid& grid, const std::string& lower, const std::string& upper) {
        return is_slot_from_another_origin(grid, {civil(lower), civil(upper)});
    };
    EXPECT_TRUE(is_one(Interval::daily, "2026-11-21 23:00", "2026-11-22 23:00"));
    EXPECT_FALSE(is_one(Interval::daily, "2026-11-21 23:00", "2026-11-22 22:00"));
    EXPECT_TRUE(is_one(Interval::quarterly, "2026-02-01", "2026-05-01"));
    EXPECT_FALSE(is_one(Interval::quarterly, "2026-02-01", "2026-04-01"));
    EXPECT_FALSE(is_one(Interval::monthly, "2026-01-31", "2026-02-28"));
    EXPECT_TRUE(is_slot_from_another_origin(Numbers{1000}, {Position{5}, Position{1005}}));
    EXPECT_FALSE(is_slot_from_another_origin(Numbers{1000}, {Position{5}, Position{1004}}));
}

TEST(IntervalSpelling, HasTheNamesOfTheUsualOnes) {
    EXPECT_EQ(spelled(0, 0, hour), "hourly");
    EXPECT_EQ(spelled(0, 0, 60 * minute), "hourly");
    EXPECT_EQ(spelled(0, 1, 0), "daily");
    EXPECT_EQ(spelled(0, 0, 24 * hour), "daily");
    EXPECT_EQ(spelled(0, 7, 0), "weekly");
    EXPECT_EQ(spelled(0, 0, 168 * hour), "weekly");
    EXPECT_EQ(spelled(1, 0, 0), "monthly");
    EXPECT_EQ(spelled(3, 0, 0), "quarterly");
    EXPECT_EQ(spelled(12, 0, 0), "yearly");
}

TEST(IntervalSpelling, TakesTheLargestExactUnit) {
    EXPECT_EQ(spelled(0, 0, minute), "1 minute");
    EXPECT_EQ(spelled(0, 0, 90 * minute), "90 minutes");
    EXPECT_EQ(spelled(0, 0, 6 * hour), "6 hours");
    EXPECT_EQ(spelled(0, 0, 36 * hour), "36 hours");
    EXPECT_EQ(spelled(0, 0, 48 * hour), "2 days");
    EXPECT_EQ(spelled(0, 10, 0), "10 days");
    EXPECT_EQ(spelled(0, 14, 0), "2 weeks");
    EXPECT_EQ(spelled(2, 0, 0), "2 months");
    EXPECT_EQ(spelled(6, 0, 0), "6 months");
    EXPECT_EQ(spelled(24, 0, 0), "2 years");
    EXPECT_EQ(spelled(12000, 0, 0), "1000 years");
}

TEST(IntervalSpelling, IsOnlyOfOnePositiveUnit) {
    for (const auto& [months, days, time] : {std::array<std::int64_t, 3>{0, 0, 0},
                                             {1, 2, 0},
                                             {1, 0, hour},
                                             {0, 1, hour},
                                             {-1, 0, 0},
                                             {0, -1, 0},
                                             {0, 0, -hour},
                                             {0, 0, 1},
                                             {0, 0, minute + 1},
                                             {0, 0, 90'000'000},
                                             {12001, 0, 0},
                                             {0, 365001, 0},
                                             {0, 0, most},
                                             {0, 0, most / minute * minute},
                                             {most, 0, 0},
                                             {-most - 1, -most - 1, -most - 1}})
        EXPECT_EQ(spelled(months, days, time), "none") << months << " " << days << " " << time;
}

TEST(IntervalSpelling, IsReadAgain) {
    for (const Interval& interval : all_intervals) {
        const std::optional<std::string> origin = interval.origin == default_origin(interval.unit)
                                                      ? std::nullopt
                                                      : std::optional{minute_text(interval.origin)};
        EXPECT_EQ(interval_from(name_of(interval), origin), interval) << label_of(interval);
    }
    for (const auto unit : {Interval::Unit::minutes, Interval::Unit::days, Interval::Unit::months})
        for (int count = 1; count <= 10000; ++count) {
            const Interval interval = every(count, unit);
            const auto read = interval_named(name_of(interval));
            // Whole days of minutes are days.
            const bool is_days = unit == Interval::Unit::minutes && count % 1440 == 0;
            ASSERT_EQ(read, is_days ? read : std::optional{interval}) << name_of(interval);
        }
}

TEST(IntervalSpelling, IsTheOnlyOneThatIsRead) {
    for (const char* const name : {"",
                                   "Daily",
                                   "DAILY",
                                   "day",
                                   "daily ",
                                   " daily",
                                   "dailyy",
                                   "none",
                                   "month",
                                   "1 day",
                                   "24 hours",
                                   "7 days",
                                   "3 months",
                                   "12 months",
                                   "60 minutes",
                                   "120 minutes",
                                   "14 days",
                                   "1 minutes",
                                   "15 minute",
                                   "15  minutes",
                                   "15minutes",
                                   "+15 minutes",
                                   "015 minutes",
                                   "-15 minutes",
                                   "0 days",
                                   "1001 years",
                                   "99999999999 days",
                                   "15 minutes ",
                                   "minutes",
                                   "15",
                                   "15 ",
                                   "1.5 hours",
                                   "2 decades"})
        EXPECT_EQ(interval_named(name), std::nullopt) << '"' << name << '"';
}

TEST(IntervalOrigin, IsAWholeMinuteOfTheCalendar) {
    using Unit = Interval::Unit;
    for (const char* const time : {"0001-01-01", "2024-01-31", "2026-11-26 13:15", "9999-12-31"})
        EXPECT_TRUE(can_begin_at(Unit::days, civil(time))) << time;
    for (const char* const time : {"0000-12-31", "10000-01-01", "2026-11-26 13:15:01"})
        EXPECT_FALSE(can_begin_at(Unit::minutes, civil(time))) << time;
    EXPECT_TRUE(can_begin_at(Unit::months, civil("2024-02-28 06:00")));
    EXPECT_FALSE(can_begin_at(Unit::months, civil("2024-02-29")));
    EXPECT_FALSE(can_begin_at(Unit::minutes, LocalTime::max()));
    EXPECT_FALSE(can_begin_at(Unit::minutes, LocalTime::min()));
}

TEST(IntervalOrigin, IsReadInItsOneSpellingOnly) {
    EXPECT_EQ(interval_from("yearly", "2024-04-01"), from("2024-04-01", Interval::yearly));
    for (const char* const origin :
         {"", "2024", "2024-04-01 ", "2024-04-01 6:00", "2024-04-01T06:00", "2024-04-01 06:00:00",
          "2024-04-01 24:00", "2024-04-01 06:60", "2024-04-31", "2024-04-29", "1000"})
        EXPECT_EQ(interval_from("yearly", origin), std::nullopt) << '"' << origin << '"';
    EXPECT_EQ(interval_from("1 day", std::nullopt), std::nullopt);
}

TEST(IntervalOfNumbers, IsAPositiveWholeNumber) {
    EXPECT_EQ(count_in("1000000"), 1000000);
    EXPECT_EQ(count_in(" 0042\n"), 42);
    EXPECT_EQ(count_in("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
    for (const char* const text : {"", " ", "0", "-5", "000", "9223372036854775808", "1e6", "1.0",
                                   "1 000", "+", "ten", "--1"})
        EXPECT_EQ(count_in(text), std::nullopt) << '"' << text << '"';
    EXPECT_EQ(whole_number_in("-05"), -5);
    EXPECT_EQ(whole_number_in("-0"), 0);
    EXPECT_EQ(whole_number_in("--5"), std::nullopt);
}

// What its slots are named, at 2026-11-26 13:20.
std::string name_now(const Interval& interval) {
    return slot_name("t", interval, slot_at(interval, civil("2026-11-26 13:20")));
}

TEST(SlotNamesOfAnyInterval, TellNoMoreThanWhereSlotsCanBegin) {
    EXPECT_EQ(name_now(minutes(15)), "t_2026_11_26_1315");
    EXPECT_EQ(name_now(Interval::hourly), "t_2026_11_26_13");
    EXPECT_EQ(name_now(minutes(6 * 60)), "t_2026_11_26_12");
    EXPECT_EQ(name_now(from("2000-01-01 00:30", Interval::hourly)), "t_2026_11_26_1230");
    EXPECT_EQ(name_now(days(10)), "t_2026_11_22");
    EXPECT_EQ(name_now(from("2000-01-01 06:00", Interval::daily)), "t_2026_11_26");
    EXPECT_EQ(name_now(Interval::weekly), "t_2026_w48");
    EXPECT_EQ(name_now(from("2024-01-01 06:00", Interval::weekly)), "t_2026_w48");
    EXPECT_EQ(name_now(from("2024-01-07", Interval::weekly)), "t_2026_11_22");
    EXPECT_EQ(name_now(days(14)), "t_2026_11_16");
    EXPECT_EQ(name_now(months(2)), "t_2026_11");
    EXPECT_EQ(name_now(Interval::quarterly), "t_2026_q4");
    EXPECT_EQ(name_now(from("2024-02-01", Interval::quarterly)), "t_2026_11");
    EXPECT_EQ(name_now(from("2024-01-15", Interval::quarterly)), "t_2026_10");
    EXPECT_EQ(name_now(months(120)), "t_2020");
    EXPECT_EQ(name_now(from("2024-04-01", Interval::yearly)), "t_2026_04");
    EXPECT_EQ(name_now(from("2024-01-15", Interval::yearly)), "t_2026_01");
}

}  // namespace
}  // namespace ppm
