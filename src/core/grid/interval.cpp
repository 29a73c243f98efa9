#include "core/grid/interval.hpp"

#include <array>
#include <charconv>

namespace ppm {

namespace chrono = std::chrono;

namespace {

using Unit = Interval::Unit;

constexpr int minutes_per_day = 24 * 60;

// The intervals that have a name of their own.
struct Named {
    std::string_view name;
    Unit unit;
    int count;
};

constexpr std::array names{
    Named{"hourly", Unit::minutes, 60},  Named{"daily", Unit::days, 1},
    Named{"weekly", Unit::days, 7},      Named{"monthly", Unit::months, 1},
    Named{"quarterly", Unit::months, 3}, Named{"yearly", Unit::months, 12},
};

// The units of the others, the largest first.
struct Word {
    std::string_view singular;
    Unit unit;
    int count;
};

constexpr std::array words{
    Word{"year", Unit::months, 12},  Word{"month", Unit::months, 1},
    Word{"week", Unit::days, 7},     Word{"day", Unit::days, 1},
    Word{"hour", Unit::minutes, 60}, Word{"minute", Unit::minutes, 1},
};

const Named* own_name(const Interval& interval) {
    for (const Named& each : names)
        if (each.unit == interval.unit && each.count == interval.count)
            return &each;
    return nullptr;
}

std::optional<Interval> every_if_possible(std::int64_t count, Unit unit) {
    if (count < 1 || count > longest_slot(unit))
        return std::nullopt;
    return every(static_cast<int>(count), unit);
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\n\v\f\r";
    const std::size_t begin = text.find_first_not_of(blanks);
    return begin == std::string_view::npos
               ? std::string_view{}
               : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

constexpr std::int64_t per_minute = chrono::microseconds{chrono::minutes{1}}.count();

bool is_of_one_unit(std::int64_t months, std::int64_t days, std::int64_t microseconds) {
    return (months != 0) + (days != 0) + (microseconds != 0) == 1;
}

}  // namespace

std::optional<Interval> interval_of(std::int64_t months, std::int64_t days,
                                    std::int64_t microseconds) {
    if (!is_of_one_unit(months, days, microseconds) || microseconds % per_minute != 0)
        return std::nullopt;
    if (months != 0)
        return every_if_possible(months, Unit::months);
    if (days != 0)
        return every_if_possible(days, Unit::days);
    const std::int64_t minutes = microseconds / per_minute;
    return minutes % minutes_per_day == 0 ? every_if_possible(minutes / minutes_per_day, Unit::days)
                                          : every_if_possible(minutes, Unit::minutes);
}

const char* why_no_interval(std::int64_t months, std::int64_t days, std::int64_t microseconds) {
    if ((months != 0 || days != 0 || microseconds != 0) &&
        !is_of_one_unit(months, days, microseconds))
        return "It has more than one of months, days and time.";
    if (microseconds % per_minute != 0)
        return "It is not a number of whole minutes.";
    return "It is not positive, or longer than 1000 years.";
}

std::string name_of(const Interval& interval) {
    if (const Named* const named = own_name(interval))
        return std::string{named->name};
    for (const Word& word : words)
        if (word.unit == interval.unit && interval.count % word.count == 0) {
            const int count = interval.count / word.count;
            std::string name = std::to_string(count) + " ";
            name += word.singular;
            return count == 1 ? name : name + "s";
        }
    return {};
}

std::optional<Interval> interval_named(std::string_view name) {
    for (const Named& each : names)
        if (each.name == name)
            return every(each.count, each.unit);
    int count = 0;
    const char* const end = name.data() + name.size();
    const auto [read, error] = std::from_chars(name.data(), end, count);
    if (error != std::errc{} || read == end || *read != ' ')
        return std::nullopt;
    const std::string_view unit{read + 1, static_cast<std::size_t>(end - read - 1)};
    for (const Word& word : words)
        if (unit.starts_with(word.singular)) {
            const auto found = every_if_possible(std::int64_t{count} * word.count, word.unit);
            const bool is_days =
                word.unit == Unit::minutes && found && found->count % minutes_per_day == 0;
            if (found && !is_days && name_of(*found) == name)
                return found;
        }
    return std::nullopt;
}

bool can_begin_at(Unit unit, LocalTime origin) {
    const chrono::year_month_day date{chrono::floor<chrono::days>(origin)};
    return calendar_begin <= origin && origin < calendar_end &&
           origin == chrono::floor<chrono::minutes>(origin) &&
           (unit != Unit::months || date.day() <= chrono::day{28});
}

std::optional<Interval> interval_from(std::string_view name,
                                      const std::optional<std::string>& origin) {
    auto interval = interval_named(name);
    if (!interval || !origin)
        return interval;
    const auto begin = parse_minute(*origin);
    if (!begin || !can_begin_at(interval->unit, *begin))
        return std::nullopt;
    interval->origin = *begin;
    return interval;
}

bool has_part_of_day(const Interval& interval) {
    return interval.unit == Unit::minutes || time_of_day(interval.origin).count() != 0;
}

std::optional<std::int64_t> count_in(std::string_view text) {
    const auto number = whole_number_in(text);
    return number && *number > 0 ? number : std::nullopt;
}

std::optional<std::int64_t> whole_number_in(std::string_view text) {
    const std::string_view number = trimmed(text);
    std::int64_t value = 0;
    const char* const end = number.data() + number.size();
    const auto [read, error] = std::from_chars(number.data(), end, value);
    return error == std::errc{} && read == end && !number.empty() ? std::optional{value}
                                                                  : std::nullopt;
}

std::string of_interval(const Interval& interval, const std::string& noun) {
    return own_name(interval) != nullptr ? name_of(interval) + " " + noun
                                         : noun + " of " + name_of(interval);
}

}  // namespace ppm
