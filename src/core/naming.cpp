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

std::string compact_date(LocalTime time) {
    return digits(year_of(time), 4) + digits(month_of(time), 2) + digits(day_of(time), 2);
}

std::string slot_suffix(Interval interval, LocalTime lower) {
    std::string year = "_" + digits(year_of(lower), 4);
    switch (interval) {
        case Interval::daily:
            return year + "_" + digits(month_of(lower), 2) + "_" + digits(day_of(lower), 2);
        case Interval::weekly: {
            const IsoWeek iso = iso_week(lower);
            return "_" + digits(iso.year, 4) + "_w" + digits(iso.week, 2);
        }
        case Interval::monthly:
            return year + "_" + digits(month_of(lower), 2);
        case Interval::quarterly:
            return year + "_q" + digits((month_of(lower) + 2) / 3, 1);
        case Interval::yearly:
            return year;
    }
    std::abort();
}

// A day inside the slot that a well-formed suffix names. Not every digit string does: the caller
// names the slot again and compares.
std::optional<Date> day_inside(Interval interval, std::string_view suffix) {
    const auto number = [&](std::size_t from, std::size_t length) {
        int value = 0;
        const char* const begin = suffix.data() + from;
        const auto parsed = std::from_chars(begin, begin + length, value);
        return parsed.ec == std::errc{} && parsed.ptr == begin + length ? value : 0;
    };
    const chrono::year year{number(1, 4)};
    chrono::year_month_day date = year / 1 / 1;
    switch (interval) {
        case Interval::daily:
            date = year / number(6, 2) / number(9, 2);
            break;
        case Interval::weekly:
            // The 4th of January is always in week 1.
            return Date{year / 1 / 4} + chrono::weeks{number(7, 2) - 1};
        case Interval::monthly:
            date = year / number(6, 2) / 1;
            break;
        case Interval::quarterly:
            date = year / (number(7, 1) * 3) / 1;
            break;
        case Interval::yearly:
            break;
    }
    return date.ok() ? std::optional{Date{date}} : std::nullopt;
}

}  // namespace

std::string slot_name(std::string_view table, Interval interval, const Slot& slot) {
    return std::string{table} + slot_suffix(interval, slot.lower);
}

std::string piece_name(std::string_view table, LocalTime lower, LocalTime upper) {
    return std::string{table} + "_" + compact_date(lower) + "_" + compact_date(upper);
}

std::optional<Slot> slot_named(std::string_view name, std::string_view table, Interval interval) {
    if (!name.starts_with(table) || name.size() != table.size() + suffix_bytes(interval))
        return std::nullopt;
    const auto day = day_inside(interval, name.substr(table.size()));
    if (!day)
        return std::nullopt;
    const Slot slot = slot_at(interval, *day);
    if (slot.lower < calendar_begin || slot_name(table, interval, slot) != name)
        return std::nullopt;
    return slot;
}

std::size_t suffix_bytes(Interval interval) {
    return slot_suffix(interval, slot_at(interval, Date{chrono::year{2000} / 1 / 1}).lower).size();
}

}  // namespace ppm
