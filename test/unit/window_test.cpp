#include "core/grid/window.hpp"

#include <gtest/gtest.h>

#include "civil.hpp"
#include "intervals.hpp"

namespace ppm {
namespace {

constexpr auto no_retention = std::nullopt;

std::string text(const Window& window) {
    return to_text(window.lower) + " to " + to_text(window.upper);
}

std::string window(const std::string& today, Interval interval, int pre_provisioned,
                   std::optional<int> retention) {
    return text(window_on(civil(today), interval, pre_provisioned, retention));
}

TEST(Window, StartsAtTheCurrentSlotWithoutRetention) {
    EXPECT_EQ(window("2026-11-22", Interval::daily, 2, no_retention), "2026-11-22 to 2026-11-25");
    EXPECT_EQ(window("2026-11-22", Interval::weekly, 2, no_retention), "2026-11-16 to 2026-12-07");
    EXPECT_EQ(window("2026-11-22", Interval::monthly, 2, no_retention), "2026-11-01 to 2027-02-01");
    EXPECT_EQ(window("2026-11-22", Interval::quarterly, 2, no_retention),
              "2026-10-01 to 2027-07-01");
    EXPECT_EQ(window("2026-11-22", Interval::yearly, 2, no_retention), "2026-01-01 to 2029-01-01");
}

TEST(Window, StartsTheRetentionBeforeTheCurrentSlot) {
    EXPECT_EQ(window("2026-03-01", Interval::daily, 1, 1), "2026-02-28 to 2026-03-03");
    EXPECT_EQ(window("2026-03-01", Interval::weekly, 1, 3), "2026-02-02 to 2026-03-09");
    EXPECT_EQ(window("2026-03-01", Interval::monthly, 1, 15), "2024-12-01 to 2026-05-01");
    EXPECT_EQ(window("2026-03-01", Interval::quarterly, 1, 4), "2025-01-01 to 2026-07-01");
    EXPECT_EQ(window("2026-03-01", Interval::yearly, 1, 7), "2019-01-01 to 2028-01-01");
}

TEST(Window, IsTheCurrentSlotOnlyWhenNothingElseIsWanted) {
    EXPECT_EQ(window("2026-11-22", Interval::monthly, 0, 0), "2026-11-01 to 2026-12-01");
}

TEST(Window, KeepsTheLimitsOfTheConfiguration) {
    EXPECT_EQ(window("2026-11-22", Interval::daily, 1000, 10000), "1999-07-07 to 2029-08-19");
}

TEST(Window, BeginsNoEarlierThanTheCalendar) {
    EXPECT_EQ(window("0001-01-03", Interval::daily, 1, 3), "0001-01-01 to 0001-01-05");
    EXPECT_EQ(window("0001-01-10", Interval::weekly, 1, 5), "0001-01-01 to 0001-01-22");
    for (const Interval interval : {Interval::monthly, Interval::quarterly, Interval::yearly})
        EXPECT_EQ(to_text(window_on(civil("0500-01-01"), interval, 1, 10000).lower), "0001-01-01");
}

TEST(Window, KeepsEverythingWhereItWouldBeginBeforeTheCalendar) {
    const auto keeps_everything = [](const std::string& today, Interval interval, int retention) {
        return window_on(civil(today), interval, 1, retention).keeps_everything;
    };
    EXPECT_FALSE(keeps_everything("0001-01-03", Interval::daily, 2));
    EXPECT_TRUE(keeps_everything("0001-01-03", Interval::daily, 3));
    EXPECT_FALSE(keeps_everything("0001-01-10", Interval::weekly, 1));
    EXPECT_TRUE(keeps_everything("0001-01-10", Interval::weekly, 2));
    EXPECT_FALSE(keeps_everything("2026-11-22", Interval::yearly, 2025));
    EXPECT_TRUE(keeps_everything("2026-11-22", Interval::yearly, 2026));
    EXPECT_TRUE(keeps_everything("2026-11-22", Interval::yearly, 10000));
    EXPECT_FALSE(keeps_everything("2026-11-22", Interval::quarterly, 8103));
    EXPECT_TRUE(keeps_everything("2026-11-22", Interval::quarterly, 8104));
}

TEST(Window, EndsNoLaterThanTheCalendar) {
    EXPECT_EQ(window("9999-12-30", Interval::daily, 9, no_retention), "9999-12-30 to 10000-01-01");
    EXPECT_EQ(window("9999-12-30", Interval::monthly, 9, no_retention),
              "9999-12-01 to 10000-01-01");
    EXPECT_EQ(window("9999-12-30", Interval::quarterly, 9, no_retention),
              "9999-10-01 to 10000-01-01");
    EXPECT_EQ(window("9999-12-30", Interval::yearly, 1000, no_retention),
              "9999-01-01 to 10000-01-01");
}

TEST(Window, LeavesOutTheWeekThatTheCalendarEndsIn) {
    // 1 January 10000 is a Saturday.
    EXPECT_EQ(window("9999-12-26", Interval::weekly, 3, 1), "9999-12-13 to 9999-12-27");
    EXPECT_TRUE(
        slots_of(window_on(civil("9999-12-31"), Interval::weekly, 3, no_retention)).empty());
}

std::string current(const std::string& today, Interval interval) {
    return to_text(window_on(civil(today), interval, 2, 3).current);
}

TEST(Window, KnowsTheStartOfTheCurrentSlot) {
    EXPECT_EQ(current("2026-11-22", Interval::daily), "2026-11-22");
    EXPECT_EQ(current("2026-11-22", Interval::weekly), "2026-11-16");
    EXPECT_EQ(current("2026-11-22", Interval::monthly), "2026-11-01");
    EXPECT_EQ(current("2026-11-22", Interval::quarterly), "2026-10-01");
    EXPECT_EQ(current("2026-11-22", Interval::yearly), "2026-01-01");
}

TEST(Window, KnowsTheCurrentSlotWhereTheCalendarCutsIt) {
    EXPECT_EQ(current("0001-01-02", Interval::daily), "0001-01-02");
    EXPECT_EQ(current("9999-12-31", Interval::weekly), "9999-12-27");
}

TEST(Slots, AreTheWindowCutAtTheGrid) {
    const Window quarter{Interval::monthly, civil("2026-01-01"), civil("2026-04-01"), true};
    const auto slots = slots_of(quarter);
    ASSERT_EQ(slots.size(), 3U);
    EXPECT_EQ(to_text(slots[0].lower) + " " + to_text(slots[0].upper), "2026-01-01 2026-02-01");
    EXPECT_EQ(to_text(slots[1].lower) + " " + to_text(slots[1].upper), "2026-02-01 2026-03-01");
    EXPECT_EQ(to_text(slots[2].lower) + " " + to_text(slots[2].upper), "2026-03-01 2026-04-01");
}

TEST(Slots, AreRetentionPlusOnePlusPreProvisioned) {
    for (const Interval interval : {Interval::daily, Interval::weekly, Interval::monthly,
                                    Interval::quarterly, Interval::yearly})
        EXPECT_EQ(slots_of(window_on(civil("2026-11-22"), interval, 7, 40)).size(), 48U);
}

TEST(Slots, OfAnEmptyWindowAreNone) {
    const LocalTime edge = civil("2026-01-01");
    EXPECT_TRUE(slots_of({Interval::monthly, edge, edge, true}).empty());
}

}  // namespace
}  // namespace ppm
