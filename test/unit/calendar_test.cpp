#include "core/grid/calendar.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

#include "civil.hpp"
#include "core/grid/interval.hpp"
#include "counted_days.hpp"
#include "printers.hpp"

namespace ppm {
namespace {

using namespace std::chrono_literals;

// Two leap-year cycles, and the calendar's first and last years.
constexpr std::pair<int, int> years_to_check[] = {{1, 5}, {1600, 2400}, {9996, 9999}};

class Grid : public testing::TestWithParam<Interval> {};

INSTANTIATE_TEST_SUITE_P(, Grid,
                         testing::Values(Interval::daily, Interval::weekly, Interval::monthly,
                                         Interval::quarterly, Interval::yearly),
                         testing::PrintToStringParamName());

TEST_P(Grid, PutsEveryDayIntoTheSlotThatCountingFinds) {
    for (const auto& [first, last] : years_to_check) {
        const auto starts = slot_starts(GetParam(), first, last);
        for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
            const Slot expected{midnight(starts[i].number), midnight(starts[i + 1].number)};
            for (auto day = starts[i].number; day < starts[i + 1].number; ++day)
                ASSERT_EQ(slot_at(GetParam(), midnight(day)), expected) << "on day " << day;
        }
    }
}

TEST_P(Grid, PutsEveryTimeOfDayIntoTheSlotOfItsDay) {
    const auto starts = slot_starts(GetParam(), 1960, 1980);
    for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
        const Slot expected{midnight(starts[i].number), midnight(starts[i + 1].number)};
        ASSERT_EQ(slot_at(GetParam(), expected.lower.time() + 1us), expected);
        ASSERT_EQ(slot_at(GetParam(), expected.lower.time() + 13h + 7min), expected);
        ASSERT_EQ(slot_at(GetParam(), expected.upper.time() - 1us), expected);
    }
}

TEST_P(Grid, StepsOverSlotsForthAndBack) {
    for (const auto& [first, last] : years_to_check) {
        const auto starts = slot_starts(GetParam(), first, last);
        for (const std::size_t count : {0U, 1U, 2U, 3U, 11U, 53U, 700U})
            for (std::size_t i = 0; i + count < starts.size(); ++i) {
                const LocalTime early = midnight(starts[i].number);
                const LocalTime late = midnight(starts[i + count].number);
                const int steps = static_cast<int>(count);
                ASSERT_EQ(slots_after(GetParam(), early, steps), late)
                    << steps << " after " << to_text(early);
                ASSERT_EQ(slots_after(GetParam(), late, -steps), early)
                    << steps << " before " << to_text(late);
            }
    }
}

TEST_P(Grid, StepsNoFurtherThanOneEdgeOutOfTheCalendar) {
    const LocalTime before = slots_after(GetParam(), calendar_begin, -10000);
    EXPECT_LT(before, calendar_begin);
    EXPECT_EQ(slots_after(GetParam(), before, 1), calendar_begin);
    EXPECT_EQ(slots_after(GetParam(), civil("9999-12-31"), std::numeric_limits<int>::max()),
              slot_at(GetParam(), calendar_end - 1us).upper);
}

TEST(ParseDate, ReadsEveryDayOfEightCenturies) {
    for (const CountedDay& day : days_of_years(1600, 2400)) {
        const auto parsed = parse_date(iso_date(day));
        ASSERT_TRUE(parsed) << iso_date(day);
        ASSERT_EQ(parsed->time_since_epoch().count(), day.number) << iso_date(day);
    }
}

TEST(ParseDate, ReadsTheFirstAndTheLastDayOfTheCalendar) {
    EXPECT_EQ(parse_date("0001-01-01"), Date{std::chrono::days{-719162}});
    EXPECT_EQ(parse_date("9999-12-31"), Date{std::chrono::days{2932896}});
}

void expect_no_dates(std::initializer_list<std::string_view> texts) {
    for (const std::string_view text : texts)
        EXPECT_EQ(parse_date(text), std::nullopt) << '"' << text << '"';
}

TEST(ParseDate, RefusesDaysThatDoNotExist) {
    expect_no_dates({"2026-02-29", "1900-02-29", "2026-02-30", "2026-04-31", "2026-01-32",
                     "2026-01-00", "2026-00-01", "2026-13-01", "2026-99-99", "0000-01-01",
                     "0000-12-31"});
}

TEST(ParseDate, RefusesEveryOtherSpelling) {
    expect_no_dates({"",
                     " ",
                     "2026",
                     "2026-11",
                     "2026-2-1",
                     "2026-02-1",
                     "2026-2-01",
                     "26-02-01",
                     "20260201",
                     "2026/02/01",
                     "2026-02/01",
                     "2026.02.01",
                     "2026-02-01 ",
                     " 2026-02-01",
                     "2026-02-01 00:00:00",
                     "2026-02-01T00",
                     "02026-02-1",
                     "02-01-2026",
                     "10000-01-01",
                     "today",
                     "infinity"});
}

TEST(ParseDate, RefusesWhatIsNotADigit) {
    using namespace std::string_view_literals;
    expect_no_dates({"-026-02-01", "+026-02-01", "2026--2-01", "2026-+2-01", "2026-02- 1",
                     "2026- 2-01", "2026-0x-01", "0x26-02-01", "2026-02-0a", "2026-02-\t1",
                     "2026-02-1\n", "2026-02-0:", "2026-02-0/", "2026-02-0\0"sv, "2026-02-01\0"sv,
                     "２026-02", "2026‐2-1", "2026-02-١"});
}

TEST(ParseMinute, ReadsADateWithOrWithoutATimeOfDay) {
    EXPECT_EQ(parse_minute("2026-11-26"), civil("2026-11-26"));
    EXPECT_EQ(parse_minute("2026-11-26 13:20"), civil("2026-11-26 13:20"));
    EXPECT_EQ(parse_minute("2026-11-26 00:00"), civil("2026-11-26"));
    EXPECT_EQ(parse_minute("9999-12-31 23:59"), civil("9999-12-31 23:59"));
    for (const char* const text :
         {"", "13:20", "2026-11-26 ", "2026-11-26 13", "2026-11-26 13:2", "2026-11-26 13:200",
          "2026-11-26 24:00", "2026-11-26 13:60", "2026-11-26T13:20", "2026-11-26 13:20:00",
          "2026-02-29 13:20", "2026-11-26 1x:20", "2026-11-26 13:-1", "2026-11-26 13:20Z"})
        EXPECT_EQ(parse_minute(text), std::nullopt) << '"' << text << '"';
}

TEST(Text, OfEveryMidnightIsItsDate) {
    for (const CountedDay& day : days_of_years(1600, 2400))
        ASSERT_EQ(to_text(midnight(day.number)), iso_date(day));
}

TEST(Text, HasTheTimeOfDayWhereItIsNotMidnight) {
    EXPECT_EQ(to_text(civil("2026-11-22 06:00")), "2026-11-22 06:00:00");
    EXPECT_EQ(to_text(civil("2026-11-22") + 1us), "2026-11-22 00:00:00.000001");
    EXPECT_EQ(to_text(civil("2026-11-22") - 1us), "2026-11-21 23:59:59.999999");
}

TEST(Text, HasAsManyDigitsOfTheYearAsItNeeds) {
    EXPECT_EQ(to_text(civil("0001-01-01")), "0001-01-01");
    EXPECT_EQ(to_text(civil("0987-06-05")), "0987-06-05");
    EXPECT_EQ(to_text(civil("12345-06-07")), "12345-06-07");
}

TEST(Text, SaysBeforeChrist) {
    const LocalTime ides = Date{std::chrono::year{-43} / 3 / 15};
    EXPECT_EQ(to_text(ides), "0044-03-15 BC");
    EXPECT_EQ(to_text(ides + 10h), "0044-03-15 10:00:00 BC");
    EXPECT_EQ(to_text(civil("0001-01-01") - 24h), "0001-12-31 BC");
}

}  // namespace
}  // namespace ppm
