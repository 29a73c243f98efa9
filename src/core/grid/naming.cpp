#include "core/grid/naming.hpp"

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

// The smallest unit of a slot's start that its name has.
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
            return slot_at(interval, in_week + into_day).lower.time();
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

std::optional<Slot> slot_of_suffix(const Interval& interval, std::string_view suffix) {
    if (suffix.size() != slot_suffix(interval, interval.origin).size())
        return std::nullopt;
    const auto edge = edge_in(interval, suffix);
    if (!edge)
        return std::nullopt;
    const Slot slot = slot_at(interval, *edge);
    return slot.lower < calendar_begin ? std::nullopt : std::optional{slot};
}

// A number as names have it; an open end becomes a word that is no number.
std::string number_word(Position position) {
    if (position == minus_infinity)
        return "min";
    if (position == plus_infinity)
        return "max";
    const std::string number = std::to_string(position.number());
    return number.starts_with('-') ? "m" + number.substr(1) : number;
}

std::optional<Slot> slot_of_suffix(const Numbers& grid, std::string_view suffix) {
    if (!suffix.starts_with('_'))
        return std::nullopt;
    std::string number{suffix.substr(1)};
    if (number == number_word(minus_infinity))
        return slot_at(grid, minus_infinity);
    if (number.starts_with('m'))
        number[0] = '-';
    std::int64_t lower = 0;
    const char* const end = number.data() + number.size();
    const auto [read, error] = std::from_chars(number.data(), end, lower);
    return error == std::errc{} && read == end ? std::optional{slot_at(grid, Position{lower})}
                                               : std::nullopt;
}

}  // namespace

std::string slot_name(std::string_view table, const Grid& grid, const Slot& slot) {
    const auto* const interval = std::get_if<Interval>(&grid);
    return std::string{table} + (interval == nullptr ? "_" + number_word(slot.lower)
                                                     : slot_suffix(*interval, slot.lower.time()));
}

std::string piece_name(std::string_view table, const Grid& grid, const Slot& piece) {
    const auto word = std::holds_alternative<Interval>(grid)
                          ? [](Position position) { return compact_time(position.time()); }
                          : number_word;
    const std::string name{table};
    if (std::holds_alternative<Interval>(grid) && piece.lower == minus_infinity)
        return name + "_until_" + (piece.upper == plus_infinity ? "infinity" : word(piece.upper));
    if (std::holds_alternative<Interval>(grid) && piece.upper == plus_infinity)
        return name + "_from_" + word(piece.lower);
    return name + "_" + word(piece.lower) + "_" + word(piece.upper);
}

std::optional<Slot> slot_named(std::string_view name, std::string_view table, const Grid& grid) {
    if (!name.starts_with(table))
        return std::nullopt;
    const auto slot = std::visit(
        [&](const auto& each) { return slot_of_suffix(each, name.substr(table.size())); }, grid);
    return slot && slot_name(table, grid, *slot) == name ? slot : std::nullopt;
}

std::size_t suffix_bytes(const Grid& grid) {
    const auto* const interval = std::get_if<Interval>(&grid);
    return slot_name("", grid,
                     slot_at(grid, interval == nullptr ? Position{} : Position{interval->origin}))
        .size();
}

}  // namespace ppm
