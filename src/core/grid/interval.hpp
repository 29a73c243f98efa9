// How an interval and its origin are written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/grid/calendar.hpp"

namespace ppm {

// The supported intervals, for hints.
inline constexpr const char* intervals_there_are =
    "hourly, daily, weekly, monthly, quarterly, yearly, or a count of minutes, hours, days, weeks, "
    "months or years, up to 1000 years, such as 15 minutes";

// The interval from the three fields that PostgreSQL has read. Exactly one of them must not be
// zero; it must be positive, not too long, and of whole minutes. Whole days of minutes become days.
// The origin is the default.
std::optional<Interval> interval_of(std::int64_t months, std::int64_t days,
                                    std::int64_t microseconds);

// Why interval_of() returns nothing: a sentence.
const char* why_no_interval(std::int64_t months, std::int64_t days, std::int64_t microseconds);

// The interval's one spelling, the same whatever its origin is: `daily`, or a count of the largest
// unit that is exact, `10 days`.
std::string name_of(const Interval& interval);

// The interval whose name this is, from the default origin, or nothing.
std::optional<Interval> interval_named(std::string_view name);

// Whether edges may lie there: a whole minute of the years 0001 to 9999; of months, on day 1 to 28.
bool can_begin_at(Interval::Unit unit, LocalTime origin);

// The interval from ppm.config's texts, spelled as name_of() and minute_text() do, or nothing.
std::optional<Interval> interval_from(std::string_view name,
                                      const std::optional<std::string>& origin);

// Whether the interval or its origin has a part of a day, so that dates do not tell its slots
// apart.
bool has_part_of_day(const Interval& interval);

// The interval of a key that counts, `1000000`, and its origin, which may be 0 or below: a whole
// number that 64 bits hold, or nothing.
std::optional<std::int64_t> count_in(std::string_view text);
std::optional<std::int64_t> whole_number_in(std::string_view text);

// `daily partitions`, `partitions of 10 days`
std::string of_interval(const Interval& interval, const std::string& noun);

}  // namespace ppm
