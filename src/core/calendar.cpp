#include "core/calendar.hpp"

#include <array>
#include <cstdio>

namespace ppm {

namespace chrono = std::chrono;

namespace {

// A slot is either a number of whole months or a fixed length of civil time.
struct Grid {
    Interval interval;
    std::string_view name;
    int months;
    chrono::microseconds length;
};

constexpr std::array grids{
    Grid{Interval::daily, "daily", 0, chrono::days{1}},
    Grid{Interval::weekly, "weekly", 0, chrono::weeks{1}},
    Grid{Interval::monthly, "monthly", 1, {}},
    Grid{Interval::quarterly, "quarterly", 3, {}},
    Grid{Interval::yearly, "yearly", 12, {}},
};

// Slots of a fixed length are counted from a Monday, so that weeks are ISO weeks.
constexpr LocalTime monday = Date{chrono::year{1970} / 1 / 5};

const Grid& grid_of(Interval interval) {
    return grids[static_cast<std::size_t>(interval)];
}

template <typename Integer>
constexpr Integer floor_to_multiple(Integer value, Integer step) {
    const Integer remainder = value % step;
    return remainder < Integer{} ? value - remainder - step : value - remainder;
}

int months_since_year_zero(LocalTime time) {
    const chrono::year_month_day date{chrono::floor<chrono::days>(time)};
    return static_cast<int>(date.year()) * 12 + static_cast<int>(unsigned{date.month()}) - 1;
}

LocalTime first_of_month(int months) {
    const int year = floor_to_multiple(months, 12) / 12;
    const auto month = static_cast<unsigned>(months - year * 12 + 1);
    return Date{chrono::year{year} / chrono::month{month} / 1};
}

std::string date_text(Date day) {
    const chrono::year_month_day date{day};
    const int year = static_cast<int>(date.year());
    std::array<char, 32> text{};
    (void)std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", year > 0 ? year : 1 - year,
                        unsigned{date.month()}, unsigned{date.day()});
    return text.data();
}

std::string time_of_day_text(chrono::microseconds since_midnight) {
    const chrono::hh_mm_ss clock{since_midnight};
    std::array<char, 32> text{};
    int length = std::snprintf(
        text.data(), text.size(), " %02d:%02d:%02d", static_cast<int>(clock.hours().count()),
        static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    std::string result(text.data(), static_cast<std::size_t>(length));
    if (const auto fraction = static_cast<int>(clock.subseconds().count()); fraction != 0) {
        length = std::snprintf(text.data(), text.size(), ".%06d", fraction);
        result.append(text.data(), static_cast<std::size_t>(length));
    }
    return result;
}

}  // namespace

std::optional<Interval> interval_named(std::string_view name) {
    for (const Grid& grid : grids)
        if (grid.name == name)
            return grid.interval;
    return std::nullopt;
}

std::string_view name_of(Interval interval) {
    return grid_of(interval).name;
}

Slot slot_at(Interval interval, LocalTime time) {
    const Grid& grid = grid_of(interval);
    const LocalTime start =
        grid.months > 0
            ? first_of_month(floor_to_multiple(months_since_year_zero(time), grid.months))
            : monday + floor_to_multiple(time - monday, grid.length);
    return {start, slots_after(interval, start, 1)};
}

LocalTime slots_after(Interval interval, LocalTime start, int count) {
    const Grid& grid = grid_of(interval);
    if (grid.months > 0)
        return first_of_month(months_since_year_zero(start) + count * grid.months);
    return start + count * grid.length;
}

std::optional<Date> parse_date(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-')
        return std::nullopt;
    int digits = 0;
    for (const std::size_t position : {0U, 1U, 2U, 3U, 5U, 6U, 8U, 9U}) {
        if (text[position] < '0' || text[position] > '9')
            return std::nullopt;
        digits = digits * 10 + (text[position] - '0');
    }
    const chrono::year_month_day date{chrono::year{digits / 10000},
                                      chrono::month{static_cast<unsigned>(digits / 100 % 100)},
                                      chrono::day{static_cast<unsigned>(digits % 100)}};
    if (!date.ok() || date.year() < chrono::year{1})
        return std::nullopt;
    return Date{date};
}

std::string to_text(LocalTime time) {
    if (time == minus_infinity)
        return "-infinity";
    if (time == plus_infinity)
        return "infinity";

    const Date day = chrono::floor<chrono::days>(time);
    const int year = static_cast<int>(chrono::year_month_day{day}.year());
    return date_text(day) + (time == day ? "" : time_of_day_text(time - day)) +
           (year > 0 ? "" : " BC");
}

std::string range_text(LocalTime lower, LocalTime upper) {
    return to_text(lower) + " to " + to_text(upper);
}

}  // namespace ppm
