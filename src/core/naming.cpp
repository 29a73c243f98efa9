#include "core/naming.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

namespace ppm {

namespace chrono = std::chrono;

namespace {

std::string digits(int value, std::size_t width) {
    const std::string text = std::to_string(value);
    return std::string(width - std::min(width, text.size()), '0') + text;
}

chrono::year_month_day date_of(LocalTime time) {
    return chrono::year_month_day{chrono::floor<chrono::days>(time)};
}

int year_of(LocalTime time) {
    return static_cast<int>(date_of(time).year());
}

int month_of(LocalTime time) {
    return static_cast<int>(unsigned{date_of(time).month()});
}

int day_of(LocalTime time) {
    return static_cast<int>(unsigned{date_of(time).day()});
}

struct IsoWeek {
    int year;
    int week;
};

// A week belongs to the year that its Thursday lies in.
IsoWeek iso_week(LocalTime monday) {
    const Date thursday = chrono::floor<chrono::days>(monday) + chrono::days{3};
    const int year = year_of(thursday);
    const chrono::days into_year = thursday - Date{chrono::year{year} / 1 / 1};
    return {year, static_cast<int>(into_year / chrono::weeks{1}) + 1};
}

std::string hour_and_minute(LocalTime time) {
    const chrono::hh_mm_ss clock{time_of_day(time)};
    return digits(static_cast<int>(clock.hours().count()), 2) +
           digits(static_cast<int>(clock.minutes().count()), 2);
}

std::string compact_time(LocalTime time) {
    return digits(year_of(time), 4) + digits(month_of(time), 2) + digits(day_of(time), 2) +
           (time_of_day(time).count() == 0 ? "" : hour_and_minute(time));
}

// The smallest part of a slot's beginning that its name has.
enum class Style { minute, hour, day, week, month, quarter, year };

Style style_of_months(const Interval& interval) {
    const bool begins_month = day_of(interval.origin) == 1;
    if (interval.count == 3 && begins_month && month_of(interval.origin) % 3 == 1)
        return Style::quarter;
    return interval.count % 12 == 0 && begins_month && month_of(interval.origin) == 1
               ? Style::year
               : Style::month;
}

Style style_of(const Interval& interval) {
    constexpr int minutes_per_hour = 60;
    switch (interval.unit) {
        case Interval::Unit::minutes:
            return interval.count % minutes_per_hour == 0 &&
                           time_of_day(interval.origin) % chrono::hours{1} == chrono::minutes{0}
                       ? Style::hour
                       : Style::minute;
        case Interval::Unit::days:
            return interval.count == 7 &&
                           chrono::weekday{chrono::floor<chrono::days>(interval.origin)} ==
                               chrono::Monday
                       ? Style::week
                       : Style::day;
        case Interval::Unit::months:
            return style_of_months(interval);
    }
    std::abort();
}

std::string slot_suffix(const Interval& interval, LocalTime lower) {
    std::string year = "_" + digits(year_of(lower), 4);
    std::string month = year + "_" + digits(month_of(lower), 2);
    std::string day = month + "_" + digits(day_of(lower), 2);
    switch (style_of(interval)) {
        case Style::minute:
            return day + "_" + hour_and_minute(lower);
        case Style::hour:
            return day + "_" + hour_and_minute(lower).substr(0, 2);
        case Style::day:
            return day;
        case Style::week: {
            const IsoWeek iso = iso_week(lower);
            return "_" + digits(iso.year, 4) + "_w" + digits(iso.week, 2);
        }
        case Style::month:
            return month;
        case Style::quarter:
            return year + "_q" + digits((month_of(lower) + 2) / 3, 1);
        case Style::year:
            return year;
    }
    std::abort();
}

// The lower edge of the slot that a well-formed suffix names. Not every digit string does: the
// caller names the slot again and compares.
std::optional<LocalTime> edge_in(const Interval& interval, std::string_view suffix) {
    const auto number = [&](std::size_t from, std::size_t length) {
        int value = 0;
        const char* const begin = suffix.data() + from;
        const auto parsed = std::from_chars(begin, begin + length, value);
        return parsed.ec == std::errc{} && parsed.ptr == begin + length ? value : 0;
    };
    const chrono::microseconds into_day = time_of_day(interval.origin);
    const chrono::day first = date_of(interval.origin).day();
    const chrono::year year{number(1, 4)};
    chrono::year_month_day date = year / 1 / first;
    LocalTime::duration time = into_day;
    switch (style_of(interval)) {
        case Style::minute:
            date = year / number(6, 2) / number(9, 2);
            time = chrono::hours{number(12, 2)} + chrono::minutes{number(14, 2)};
            break;
        case Style::hour:
            date = year / number(6, 2) / number(9, 2);
            time = chrono::hours{number(12, 2)};
            break;
        case Style::day:
            date = year / number(6, 2) / number(9, 2);
            break;
        case Style::week: {
            // The 4th of January is always in week 1.
            const Date in_week = Date{year / 1 / 4} + chrono::weeks{number(7, 2) - 1};
            return slot_at(interval, in_week + into_day).lower;
        }
        case Style::month:
            date = year / number(6, 2) / first;
            break;
        case Style::quarter:
            date = year / (number(7, 1) * 3 - 2) / first;
            break;
        case Style::year:
            break;
    }
    return date.ok() ? std::optional{Date{date} + time} : std::nullopt;
}

}  // namespace

std::string slot_name(std::string_view table, const Interval& interval, const Slot& slot) {
    return std::string{table} + slot_suffix(interval, slot.lower);
}

std::string piece_name(std::string_view table, LocalTime lower, LocalTime upper) {
    const std::string name{table};
    if (lower == minus_infinity)
        return name + "_until" + (upper == plus_infinity ? "_infinity" : "_" + compact_time(upper));
    if (upper == plus_infinity)
        return name + "_from_" + compact_time(lower);
    return name + "_" + compact_time(lower) + "_" + compact_time(upper);
}

std::optional<Slot> slot_named(std::string_view name, std::string_view table,
                               const Interval& interval) {
    if (!name.starts_with(table) || name.size() != table.size() + suffix_bytes(interval))
        return std::nullopt;
    const auto edge = edge_in(interval, name.substr(table.size()));
    if (!edge)
        return std::nullopt;
    const Slot slot = slot_at(interval, *edge);
    if (slot.lower < calendar_begin || slot_name(table, interval, slot) != name)
        return std::nullopt;
    return slot;
}

std::size_t suffix_bytes(const Interval& interval) {
    return slot_suffix(interval, interval.origin).size();
}

}  // namespace ppm
