#include "core/grid/naming.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "civil.hpp"
#include "counted_days.hpp"
#include "printers.hpp"

namespace ppm {
namespace {

const Interval intervals[] = {Interval::daily, Interval::weekly, Interval::monthly,
                              Interval::quarterly, Interval::yearly};

std::string name(Interval interval, const std::string& time) {
    return slot_name("orders", interval, slot_at(interval, civil(time)));
}

TEST(SlotName, IsTheTableAndTheSlot) {
    EXPECT_EQ(name(Interval::daily, "2026-11-22"), "orders_2026_11_22");
    EXPECT_EQ(name(Interval::weekly, "2026-11-22"), "orders_2026_w47");
    EXPECT_EQ(name(Interval::monthly, "2026-11-22"), "orders_2026_11");
    EXPECT_EQ(name(Interval::quarterly, "2026-11-22"), "orders_2026_q4");
    EXPECT_EQ(name(Interval::yearly, "2026-11-22"), "orders_2026");
}

TEST(SlotName, IsFilledUpWithZeros) {
    EXPECT_EQ(name(Interval::daily, "0007-02-03"), "orders_0007_02_03");
    EXPECT_EQ(name(Interval::weekly, "0007-02-03"), "orders_0007_w05");
    EXPECT_EQ(name(Interval::monthly, "0007-02-03"), "orders_0007_02");
    EXPECT_EQ(name(Interval::quarterly, "0007-02-03"), "orders_0007_q1");
    EXPECT_EQ(name(Interval::yearly, "0007-02-03"), "orders_0007");
}

TEST(SlotName, OfAWeekHasTheYearOfItsThursday) {
    EXPECT_EQ(name(Interval::weekly, "2024-12-30"), "orders_2025_w01");
    EXPECT_EQ(name(Interval::weekly, "2021-01-03"), "orders_2020_w53");
    EXPECT_EQ(name(Interval::weekly, "2022-01-02"), "orders_2021_w52");
    EXPECT_EQ(name(Interval::weekly, "2004-12-31"), "orders_2004_w53");
    EXPECT_EQ(name(Interval::weekly, "2008-12-29"), "orders_2009_w01");
}

std::string counted_name(Interval interval, const CountedDay& day) {
    const std::string year = "orders_" + padded(day.year, 4);
    const std::string month = padded(day.month, 2);
    if (interval == Interval::daily)
        return year + "_" + month + "_" + padded(day.day, 2);
    if (interval == Interval::monthly)
        return year + "_" + month;
    if (interval == Interval::quarterly)
        return year + "_q" + "111222333444"[day.month - 1];
    if (interval == Interval::weekly)
        return "orders_" + padded(day.iso_year, 4) + "_w" + padded(day.iso_week, 2);
    return year;
}

// Expects that the slots beginning in these years have the names that counting gives, and that
// each name stands for its slot.
void expect_counted_names(Interval interval, int first_year, int last_year) {
    for (const CountedDay& start : slot_starts(interval, first_year, last_year)) {
        const std::string expected = counted_name(interval, start);
        const Slot slot = slot_at(interval, midnight(start.number));
        ASSERT_EQ(slot_name("orders", interval, slot), expected);
        ASSERT_EQ(slot_named(expected, "orders", interval), slot) << expected;
    }
}

class SlotNames : public testing::TestWithParam<Interval> {};

INSTANTIATE_TEST_SUITE_P(, SlotNames, testing::ValuesIn(intervals),
                         testing::PrintToStringParamName());

TEST_P(SlotNames, AreThoseThatCountingGivesAndStandForTheirSlot) {
    expect_counted_names(GetParam(), 1, 2);
    expect_counted_names(GetParam(), 1899, 2400);
    expect_counted_names(GetParam(), 9998, 9999);
}

TEST_P(SlotNames, HaveTheBytesThatAreReserved) {
    for (const char* const day : {"0001-01-01", "2026-09-30", "2026-10-01", "9999-12-20"})
        EXPECT_EQ(name(GetParam(), day).size(), 6 + suffix_bytes(GetParam())) << day;
}

TEST_P(SlotNames, DoNotNameTheSlotsOfAnotherInterval) {
    for (const Interval other : intervals)
        if (other != GetParam()) {
            EXPECT_EQ(slot_named(name(other, "2026-11-22"), "orders", GetParam()), std::nullopt)
                << name_of(other);
        }
}

TEST_P(SlotNames, DoNotNameTheSlotsOfAnotherTable) {
    const std::string november = name(GetParam(), "2026-11-22");
    for (const char* const table : {"order", "orders_", "orders_2", "rders", "Orders", "items", "",
                                    "orders_2026", "orders_2026_11"})
        EXPECT_EQ(slot_named(november, table, GetParam()), std::nullopt) << table;
}

TEST_P(SlotNames, WorkForEveryTableName) {
    for (const char* const table : {"o", "orders_2026", "orders_2026_11", "42", "_", "Order Lines",
                                    "größen", "заказы", "注文", "a\"b", "orders_w07"}) {
        const Slot slot = slot_at(GetParam(), civil("2026-11-22"));
        EXPECT_EQ(slot_named(slot_name(table, GetParam(), slot), table, GetParam()), slot) << table;
    }
}

void expect_no_slots(Interval interval, std::initializer_list<const char*> names) {
    for (const char* const name : names)
        EXPECT_EQ(slot_named(name, "orders", interval), std::nullopt) << name;
}

TEST(SlotNamed, FindsNoDayInANearMiss) {
    expect_no_slots(
        Interval::daily,
        {"orders_2026_02_30", "orders_2026_02_29", "orders_2026_13_01", "orders_2026_00_01",
         "orders_2026_01_00", "orders_2026_01_32", "orders_2026_1_022", "orders_2026_11_2",
         "orders_2026_11_222", "orders_2026_11_2x", "orders_2026_11_-2", "orders_2026-11-22",
         "orders-2026_11_22", "orders_20261122__", "orders_default___"});
}

TEST(SlotNamed, FindsNoWeekInANearMiss) {
    expect_no_slots(Interval::weekly, {"orders_2026_w00", "orders_2026_w54", "orders_2026_w99",
                                       "orders_2025_w53", "orders_2026_W47", "orders_2026_047",
                                       "orders_2026_w7", "orders_2026_w4x", "orders_2026_w047"});
}

TEST(SlotNamed, FindsNoMonthInANearMiss) {
    expect_no_slots(Interval::monthly,
                    {"orders_2026_13", "orders_2026_00", "orders_2026_1", "orders_2026_1 ",
                     "orders_2026_+1", "orders_2026_111", "orders_202611", "orders_2026_11_"});
}

TEST(SlotNamed, FindsNoQuarterInANearMiss) {
    expect_no_slots(Interval::quarterly,
                    {"orders_2026_q0", "orders_2026_q5", "orders_2026_q9", "orders_2026_qx",
                     "orders_2026_Q1", "orders_2026_q01", "orders_2026_q"});
}

TEST(SlotNamed, FindsNoYearInANearMiss) {
    expect_no_slots(Interval::yearly, {"", "orders", "orders_", "orders_26", "orders_02026",
                                       "orders_2O26", "orders2026_"});
}

TEST(SlotNamed, FindsNoSlotBeforeTheCalendar) {
    expect_no_slots(Interval::daily, {"orders_0000_12_31", "orders_-001_12_31"});
    expect_no_slots(Interval::weekly, {"orders_0000_w52"});
    expect_no_slots(Interval::monthly, {"orders_0000_12"});
    expect_no_slots(Interval::quarterly, {"orders_0000_q4"});
    expect_no_slots(Interval::yearly, {"orders_0000", "orders_-999"});
}

TEST(PieceName, HasTheDaysItBeginsAndEndsOn) {
    EXPECT_EQ(piece_name("orders", Interval::hourly, {civil("2026-11-22"), civil("2026-12-01")}),
              "orders_20261122_20261201");
    EXPECT_EQ(piece_name("orders", Interval::hourly,
                         {civil("0007-02-03 01:00"), civil("0007-02-03 23:59:59.9")}),
              "orders_000702030100_000702032359");
    EXPECT_EQ(
        piece_name("orders", Interval::hourly, {civil("2026-11-26"), civil("2026-11-26 13:15")}),
        "orders_20261126_202611261315");
}

}  // namespace
}  // namespace ppm
