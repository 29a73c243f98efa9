// A calendar that only counts, one day after the other, to check the real one against.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/grid/calendar.hpp"

namespace ppm {

struct CountedDay {
    std::int64_t number;  // 1970-01-01 is 0
    int year;
    int month;
    int day;
    int weekday;   // Monday is 0
    int iso_year;  // of its week
    int iso_week;
};

inline bool is_leap_year(int year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

inline int days_in_month(int year, int month) {
    if (month == 2)
        return is_leap_year(year) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

// The mark of the first ISO week of a year.
inline bool week_has_4_january(const CountedDay& monday) {
    return (monday.month == 12 && monday.day >= 29) || (monday.month == 1 && monday.day <= 4);
}

// Every day of these years, in order.
inline std::vector<CountedDay> days_of_years(int first_year, int last_year) {
    CountedDay day{-719162, 1, 1, 1, 0, 1, 1};  // 1 January of year 1, a Monday
    std::vector<CountedDay> days;
    while (day.year <= last_year) {
        if (day.year >= first_year)
            days.push_back(day);
        ++day.number;
        day.weekday = (day.weekday + 1) % 7;
        if (++day.day > days_in_month(day.year, day.month)) {
            day.day = 1;
            ++day.month;
        }
        if (day.month > 12) {
            day.month = 1;
            ++day.year;
        }
        if (day.weekday == 0 && week_has_4_january(day)) {
            day.iso_week = 1;
            ++day.iso_year;
        } else if (day.weekday == 0) {
            ++day.iso_week;
        }
    }
    return days;
}

// Of the intervals that begin at a midnight and have a name of their own.
inline bool starts_slot(Interval interval, const CountedDay& day) {
    if (interval == Interval::weekly)
        return day.weekday == 0;
    if (interval == Interval::monthly)
        return day.day == 1;
    if (interval == Interval::quarterly)
        return day.day == 1 && day.month % 3 == 1;
    if (interval == Interval::yearly)
        return day.day == 1 && day.month == 1;
    return interval == Interval::daily;
}

// The days on which the slots of these years begin.
inline std::vector<CountedDay> slot_starts(Interval interval, int first_year, int last_year) {
    std::vector<CountedDay> starts;
    for (const CountedDay& day : days_of_years(first_year, last_year))
        if (starts_slot(interval, day))
            starts.push_back(day);
    return starts;
}

inline LocalTime midnight(std::int64_t day_number) {
    return LocalTime{std::chrono::days{day_number}};
}

inline std::string padded(int value, std::size_t width) {
    const std::string text = std::to_string(value);
    return std::string(width - text.size(), '0') + text;
}

inline std::string iso_date(const CountedDay& day) {
    return padded(day.year, 4) + "-" + padded(day.month, 2) + "-" + padded(day.day, 2);
}

}  // namespace ppm
