// Civil times as tests write them: civil("2026-11-22 06:00:00.5").
#pragma once

#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "core/grid/calendar.hpp"

namespace ppm {

inline LocalTime civil(const std::string& text) {
    if (text == "-infinity")
        return LocalTime::min();
    if (text == "infinity")
        return LocalTime::max();

    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int hour = 0;
    int minute = 0;
    double second = 0;
    if (std::sscanf(text.c_str(), "%d-%u-%u %d:%d:%lf", &year, &month, &day, &hour, &minute,
                    &second) < 3)
        throw std::invalid_argument{"not a civil time: " + text};

    const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                           std::chrono::day{day}};
    return Date{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
           std::chrono::microseconds{std::llround(second * 1e6)};
}

// The inverse, of positions that are civil time.
inline std::string to_text(Position position) {
    if (position == minus_infinity)
        return "-infinity";
    return position == plus_infinity ? "infinity" : to_text(position.time());
}

inline std::string range_text(Position lower, Position upper) {
    return to_text(lower) + " to " + to_text(upper);
}

inline Date civil_day(const std::string& text) {
    return std::chrono::floor<std::chrono::days>(civil(text));
}

}  // namespace ppm
