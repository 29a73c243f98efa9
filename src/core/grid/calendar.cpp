#include "core/grid/calendar.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace ppm {

namespace chrono = std::chrono;

namespace {

template <typename Integer>
constexpr Integer floor_divide(Integer value, Integer step) {
    return value / step - (value % step < 0 ? 1 : 0);
}

std::int64_t months_since_year_zero(LocalTime time) {
    const chrono::year_month_day date{chrono::floor<chrono::days>(time)};
    return static_cast<int>(date.year()) * 12 + static_cast<int>(unsigned{date.month()}) - 1;
}

Date first_of_month(std::int64_t months) {
    const auto year = floor_divide<std::int64_t>(months, 12);
    const auto month = static_cast<unsigned>(months - year * 12 + 1);
    return Date{chrono::year{static_cast<int>(year)} / chrono::month{month} / 1};
}

// The edges of an interval's slots, counted from the origin.
class Edges {
  public:
    explicit Edges(const Interval& interval)
        : interval_{interval},
          into_month_{interval.origin - first_of_month(months_since_year_zero(interval.origin))} {}

    // The number of the last edge at or before `time`.
    std::int64_t number_of(LocalTime time) const {
        if (interval_.unit == Interval::Unit::months)
            return floor_divide<std::int64_t>(months_since_year_zero(time - into_month_) -
                                                  months_since_year_zero(interval_.origin),
                                              interval_.count);
        return floor_divide((time - interval_.origin).count(), length().count());
    }

    LocalTime at(std::int64_t number) const {
        if (interval_.unit == Interval::Unit::months)
            return first_of_month(months_since_year_zero(interval_.origin) +
                                  number * interval_.count) +
                   into_month_;
        return interval_.origin + number * length();
    }

  private:
    chrono::microseconds length() const {
        if (interval_.unit == Interval::Unit::days)
            return chrono::days{interval_.count};
        return chrono::minutes{interval_.count};
    }

    const Interval& interval_;
    chrono::microseconds into_month_;  // how far into its month the origin, and so each edge, lies
};

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

// The text as a number, or nothing if it has other characters.
std::optional<unsigned> digits_in(std::string_view text) {
    unsigned value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9')
            return std::nullopt;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value;
}

}  // namespace

Slot slot_at(const Interval& interval, LocalTime time) {
    const Edges edges{interval};
    const std::int64_t number = edges.number_of(time);
    return {edges.at(number), edges.at(number + 1)};
}

LocalTime slots_after(const Interval& interval, LocalTime start, int count) {
    constexpr chrono::microseconds moment{1};
    const Edges edges{interval};
    return edges.at(std::clamp(edges.number_of(start) + count,
                               edges.number_of(calendar_begin - moment),
                               edges.number_of(calendar_end - moment) + 1));
}

chrono::microseconds time_of_day(LocalTime time) {
    return time - chrono::floor<chrono::days>(time);
}

std::optional<Date> parse_date(std::string_view text) {
    if (text.size() != 10 || text[4] != '-' || text[7] != '-')
        return std::nullopt;
    const auto year = digits_in(text.substr(0, 4));
    const auto month = digits_in(text.substr(5, 2));
    const auto day = digits_in(text.substr(8, 2));
    if (!year || !month || !day)
        return std::nullopt;
    const chrono::year_month_day date{chrono::year{static_cast<int>(*year)}, chrono::month{*month},
                                      chrono::day{*day}};
    if (!date.ok() || date.year() < chrono::year{1})
        return std::nullopt;
    return Date{date};
}

std::optional<LocalTime> parse_minute(std::string_view text) {
    const auto day = parse_date(text.substr(0, 10));
    if (!day || text.size() == 10)
        return day;
    if (text.size() != 16 || text[10] != ' ' || text[13] != ':')
        return std::nullopt;
    const auto hour = digits_in(text.substr(11, 2));
    const auto minute = digits_in(text.substr(14, 2));
    if (!hour || !minute || *hour > 23 || *minute > 59)
        return std::nullopt;
    return *day + chrono::hours{*hour} + chrono::minutes{*minute};
}

std::string minute_text(LocalTime time) {
    const std::string text = to_text(time);
    return time_of_day(time).count() == 0 ? text : text.substr(0, text.rfind(':'));
}

std::string to_text(LocalTime time) {
    const Date day = chrono::floor<chrono::days>(time);
    const int year = static_cast<int>(chrono::year_month_day{day}.year());
    return date_text(day) + (time == day ? "" : time_of_day_text(time - day)) +
           (year > 0 ? "" : " BC");
}

}  // namespace ppm
