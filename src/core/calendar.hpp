// The calendar grid: civil time cut into slots (days, ISO weeks, months, quarters, years).
//
// Everything here is proleptic Gregorian civil time without a time zone; key.hpp turns a slot's
// edge into a value of the partition key.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ppm {

using Date = std::chrono::local_days;

// Civil time to PostgreSQL's own resolution, so that any partition's bound can be shown exactly.
using LocalTime = std::chrono::local_time<std::chrono::microseconds>;

// What a bound without a civil time (MINVALUE, infinity, ...) decodes to.
inline constexpr LocalTime minus_infinity = LocalTime::min();
inline constexpr LocalTime plus_infinity = LocalTime::max();

// The grid begins and ends here, because a name has room for four digits of a year.
inline constexpr LocalTime calendar_begin = Date{std::chrono::year{1} / 1 / 1};
inline constexpr LocalTime calendar_end = Date{std::chrono::year{10000} / 1 / 1};

enum class Interval { daily, weekly, monthly, quarterly, yearly };

// One cell of the grid: [lower, upper).
struct Slot {
    LocalTime lower;
    LocalTime upper;

    bool operator==(const Slot&) const = default;
};

// The interval of that name as the enum ppm.partition_interval spells it, or nothing.
std::optional<Interval> interval_named(std::string_view name);
std::string_view name_of(Interval interval);

// The slot that holds `time`.
Slot slot_at(Interval interval, LocalTime time);

// The start of the slot that lies `count` slots after (before, if negative) the one starting at
// `start`.
LocalTime slots_after(Interval interval, LocalTime start, int count);

// A date written exactly `YYYY-MM-DD`, of the years 0001 to 9999, or nothing.
std::optional<Date> parse_date(std::string_view text);

// `2026-11-22`, with the time of day only where it is not midnight, `infinity` and `-infinity`.
std::string to_text(LocalTime time);

// `2026-11-22 to 2026-11-23`
std::string range_text(LocalTime lower, LocalTime upper);

}  // namespace ppm
