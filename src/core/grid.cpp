#include "core/grid.hpp"

#include "core/interval.hpp"

namespace ppm {

namespace {

// What lies between 0 and `step`, whatever the sign of `value`.
std::int64_t floor_modulo(std::int64_t value, std::int64_t step) {
    const std::int64_t rest = value % step;
    return rest < 0 ? rest + step : rest;
}

Position sum(std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    if (__builtin_add_overflow(a, b, &result))
        return b < 0 ? minus_infinity : plus_infinity;
    return Position{result};
}

Slot slot_of_numbers(const Numbers& grid, std::int64_t number) {
    const std::int64_t into_slot = floor_modulo(
        floor_modulo(number, grid.width) - floor_modulo(grid.origin, grid.width), grid.width);
    return {sum(number, -into_slot), sum(number, grid.width - into_slot)};
}

Position numbers_after(const Numbers& grid, Position start, int count) {
    if (count == 0)
        return start;
    // What has no start of its own has an end.
    if (start == minus_infinity)
        return count < 0
                   ? start
                   : numbers_after(grid, slot_of_numbers(grid, start.number()).upper, count - 1);
    std::int64_t distance = 0;
    if (__builtin_mul_overflow(grid.width, std::int64_t{count}, &distance))
        return count < 0 ? minus_infinity : plus_infinity;
    return sum(start.number(), distance);
}

Position first_edge_in_calendar(const Interval& interval) {
    const Slot slot = slot_at(interval, calendar_begin);
    return slot.lower == calendar_begin ? slot.lower : slot.upper;
}

}  // namespace

Slot slot_at(const Grid& grid, Position position) {
    if (const auto* const numbers = std::get_if<Numbers>(&grid))
        return slot_of_numbers(*numbers, position.number());
    return slot_at(std::get<Interval>(grid), position.time());
}

Position slots_after(const Grid& grid, Position start, int count) {
    if (const auto* const numbers = std::get_if<Numbers>(&grid))
        return numbers_after(*numbers, start, count);
    return slots_after(std::get<Interval>(grid), start.time(), count);
}

Position first_edge(const Grid& grid) {
    const auto* const interval = std::get_if<Interval>(&grid);
    return interval == nullptr ? minus_infinity : first_edge_in_calendar(*interval);
}

Position last_edge(const Grid& grid) {
    const auto* const interval = std::get_if<Interval>(&grid);
    return interval == nullptr ? plus_infinity : slot_at(*interval, calendar_end).lower;
}

std::string name_of(const Grid& grid) {
    if (const auto* const numbers = std::get_if<Numbers>(&grid))
        return std::to_string(numbers->width);
    return name_of(std::get<Interval>(grid));
}

std::optional<std::string> origin_of(const Grid& grid) {
    if (const auto* const numbers = std::get_if<Numbers>(&grid))
        return numbers->origin == 0 ? std::nullopt : std::optional{std::to_string(numbers->origin)};
    const auto& interval = std::get<Interval>(grid);
    return interval.origin == default_origin(interval.unit)
               ? std::nullopt
               : std::optional{minute_text(interval.origin)};
}

std::optional<Grid> grid_from(std::string_view name, const std::optional<std::string>& origin) {
    if (const auto interval = interval_from(name, origin))
        return *interval;
    const auto width = count_in(name);
    const auto edge = origin ? whole_number_in(*origin) : std::optional<std::int64_t>{0};
    return width && edge ? std::optional<Grid>{Numbers{*width, *edge}} : std::nullopt;
}

std::string of_interval(const Grid& grid, const std::string& noun) {
    if (std::holds_alternative<Numbers>(grid))
        return noun + " of " + name_of(grid);
    return of_interval(std::get<Interval>(grid), noun);
}

}  // namespace ppm
