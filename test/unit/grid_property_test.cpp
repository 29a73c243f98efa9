// Grids of any interval, against counting: minutes, days and months, on both sides of the origin.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "core/grid/naming.hpp"
#include "counted_days.hpp"
#include "intervals.hpp"
#include "printers.hpp"

namespace ppm {
namespace {

using namespace std::chrono_literals;

// That the slot from `lower` to `upper` is found from all over it, and from the one before it.
void expect_slot(const Interval& interval, LocalTime lower, LocalTime upper) {
    const Slot expected{lower, upper};
    ASSERT_EQ(slot_at(interval, lower), expected);
    ASSERT_EQ(slot_at(interval, lower + (upper - lower) / 2), expected);
    ASSERT_EQ(slot_at(interval, upper - 1us), expected);
    ASSERT_EQ(slots_after(interval, lower, 1), upper);
    ASSERT_EQ(slots_after(interval, upper, -1), lower);
    ASSERT_EQ(slot_named(slot_name("t", interval, expected), "t", interval), expected);
}

TEST(Grids, OfMinutesAreCountedFromTheOriginBothWays) {
    for (const int count : {1, 7, 15, 45, 60, 90, 6 * 60, 7 * 60, 25 * 60})
        for (const char* const origin : {"2000-01-03", "2026-03-08 02:17", "1970-01-01 00:01"}) {
            const Interval interval = from(origin, minutes(count));
            for (int i = -2000; i < 2000; ++i)
                ASSERT_NO_FATAL_FAILURE(
                    expect_slot(interval, civil(origin) + i * std::chrono::minutes{count},
                                civil(origin) + (i + 1) * std::chrono::minutes{count}));
        }
}

TEST(Grids, OfDaysAreCountedFromTheOriginOverFourCenturies) {
    const auto all = days_of_years(1800, 2200);
    for (const int count : {1, 2, 3, 7, 10, 14, 30, 100, 365})
        for (const char* const origin :
             {"2000-01-03", "2024-01-07", "2150-12-31 06:00", "1801-02-28"}) {
            const Interval interval = from(origin, days(count));
            const LocalTime begin = civil(origin);
            // The edges are those whose distance from the origin leaves nothing; counted down from
            // a multiple that lies before all of these days.
            std::int64_t left = 0;
            for (const CountedDay& day : all) {
                const LocalTime edge = midnight(day.number) + time_of_day(begin);
                if (&day == &all.front()) {
                    const auto distance = (begin - edge) / std::chrono::days{1};
                    left = distance % count;
                } else {
                    left = left == 0 ? count - 1 : left - 1;
                }
                if (left == 0) {
                    ASSERT_NO_FATAL_FAILURE(
                        expect_slot(interval, edge, edge + std::chrono::days{count}));
                }
            }
        }
}

TEST(Grids, OfMonthsAreCountedFromTheOriginOverEightCenturies) {
    for (const int count : {1, 2, 3, 5, 6, 12, 18, 24, 120})
        for (const char* const origin :
             {"2000-01-01", "2024-04-01", "2024-02-28 06:00", "1700-11-15", "2399-12-01 23:59"}) {
            const Interval interval = from(origin, months(count));
            const std::chrono::year_month_day first{
                std::chrono::floor<std::chrono::days>(civil(origin))};
            std::vector<LocalTime> edges;
            for (const CountedDay& day : days_of_years(1600, 2400)) {
                const int distance = (day.year - static_cast<int>(first.year())) * 12 + day.month -
                                     static_cast<int>(unsigned{first.month()});
                if (distance % count == 0 && day.day == static_cast<int>(unsigned{first.day()}))
                    edges.push_back(midnight(day.number) + time_of_day(civil(origin)));
            }
            for (std::size_t i = 0; i + 1 < edges.size(); ++i)
                ASSERT_NO_FATAL_FAILURE(expect_slot(interval, edges[i], edges[i + 1]));
        }
}

TEST(Grids, OfAnyKindStayAtTheEndsOfTheCalendar) {
    for (const Interval& interval : all_intervals)
        for (const char* const start : {"0001-01-01", "2026-11-26", "9999-12-31"}) {
            const LocalTime lower = slot_at(interval, civil(start)).lower.time();
            const LocalTime before = slots_after(interval, lower, std::numeric_limits<int>::min());
            const LocalTime after = slots_after(interval, lower, std::numeric_limits<int>::max());
            EXPECT_LT(before, calendar_begin) << label_of(interval);
            EXPECT_GE(slot_at(interval, before).upper, calendar_begin) << label_of(interval);
            EXPECT_GE(after, calendar_end) << label_of(interval);
            EXPECT_LT(slot_at(interval, after - 1us).lower, calendar_end) << label_of(interval);
        }
}

TEST(Grids, HaveWindowsOfWholeSlotsInsideTheCalendar) {
    for (const Interval& interval : all_intervals)
        for (const char* const now : {"0001-01-01", "0001-02-03", "2026-11-26", "9999-12-31"}) {
            const Window window = window_on(civil(now), interval, 3, 4);
            EXPECT_LE(calendar_begin, window.lower) << label_of(interval);
            EXPECT_LE(window.upper, calendar_end) << label_of(interval);
            for (const Slot& slot : slots_of(window))
                EXPECT_EQ(slot, slot_at(interval, slot.lower)) << label_of(interval);
        }
}

}  // namespace
}  // namespace ppm
