// The calendar grid: civil time cut into slots of any number of minutes, days or months.
//
// Everything here is proleptic Gregorian civil time without a time zone; key.hpp turns a slot's
// edge into a value of the partition key.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/key/position.hpp"

namespace ppm {

using Date = std::chrono::local_days;

// The grid begins and ends here, because a name has room for four digits of a year.
inline constexpr LocalTime calendar_begin = Date{std::chrono::year{1} / 1 / 1};
inline constexpr LocalTime calendar_end = Date{std::chrono::year{10000} / 1 / 1};

// How much time one slot holds, and where the grid is pinned. core/grid/interval.hpp reads and
// writes it.
struct Interval {
    enum class Unit { minutes, days, months };

    Unit unit;
    int count;         // 1 to longest_slot() of the unit
    LocalTime origin;  // an edge of the grid, of whole minutes; of months, on day 1 to 28

    bool operator==(const Interval&) const = default;

    static const Interval hourly;
    static const Interval daily;
    static const Interval weekly;
    static const Interval monthly;
    static const Interval quarterly;
    static const Interval yearly;
};

// A Monday, so that weeks are ISO weeks; for months, the first day of a year.
constexpr LocalTime default_origin(Interval::Unit unit) {
    return Date{std::chrono::year{2000} / 1 / (unit == Interval::Unit::months ? 1 : 3)};
}

// A thousand years: no sum of edges overflows, and the calendar has room for a slot.
constexpr int longest_slot(Interval::Unit unit) {
    switch (unit) {
        case Interval::Unit::minutes:
            return 365 * 1000 * 24 * 60;
        case Interval::Unit::days:
            return 365 * 1000;
        default:
            return 12 * 1000;
    }
}

// An interval of `count` units, from the default origin.
constexpr Interval every(int count, Interval::Unit unit) {
    return {unit, count, default_origin(unit)};
}

inline constexpr Interval Interval::hourly = every(60, Interval::Unit::minutes);
inline constexpr Interval Interval::daily = every(1, Interval::Unit::days);
inline constexpr Interval Interval::weekly = every(7, Interval::Unit::days);
inline constexpr Interval Interval::monthly = every(1, Interval::Unit::months);
inline constexpr Interval Interval::quarterly = every(3, Interval::Unit::months);
inline constexpr Interval Interval::yearly = every(12, Interval::Unit::months);

// The slot that holds `time`.
Slot slot_at(const Interval& interval, LocalTime time);

// The start of the slot that lies `count` slots after (before, if negative) the one starting at
// `start`. A start outside the calendar becomes the nearest edge outside it: before calendar_begin,
// or at or after calendar_end.
LocalTime slots_after(const Interval& interval, LocalTime start, int count);

// The time of day of a slot's edges; with an interval of minutes it differs from edge to edge.
std::chrono::microseconds time_of_day(LocalTime time);

// A date written exactly `YYYY-MM-DD`, of the years 0001 to 9999, or nothing.
std::optional<Date> parse_date(std::string_view text);

// The same, or a date followed by a time of day, exactly ` HH:MM`.
std::optional<LocalTime> parse_minute(std::string_view text);

// The inverse: `2026-11-22`, with the time of day only where it is not midnight.
std::string minute_text(LocalTime time);

// `2026-11-22`, with the time of day only where it is not midnight.
std::string to_text(LocalTime time);

}  // namespace ppm
