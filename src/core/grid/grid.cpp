#include "core/grid/grid.hpp"

#include "core/grid/interval.hpp"

namespace ppm {

namespace {

// The remainder from 0 to below `step`, whatever the sign of `value`.
std::int64_t floor_modulo(std::int64_t value, std::int64_t step) {
    const std::int64_t rest = value % step;
    return rest < 0 ? rest + step : rest;
}

// Holds any sum of an edge and a number of slots.
__extension__ using Wide = __int128;

Position position_of(Wide edge) {
    if (edge <= minus_infinity.number())
        return minus_infinity;
    return edge >= plus_infinity.number() ? plus_infinity
                                          : Position{static_cast<std::int64_t>(edge)};
}

Slot slot_of_numbers(const Numbers& grid, std::int64_t number) {
    const std::int64_t into_slot = floor_modulo(
        floor_modulo(number, grid.width) - floor_modulo(grid.origin, grid.width), grid.width);
    const Wide lower = Wide{number} - into_slot;
    return {position_of(lower), position_of(lower + grid.width)};
}

Position numbers_after(const Numbers& grid, Position start, int count) {
    if (count == 0)
        return start;
    // A slot without a start has an end.
    if (start == minus_infinity)
        return count < 0
                   ? start
                   : numbers_after(grid, slot_of_numbers(grid, start.number()).upper, count - 1);
    return position_of(Wide{start.number()} + Wide{grid.width} * count);
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

bool is_slot_from_another_origin(const Grid& grid, const Slot& range) {
    if (const auto* const numbers = std::get_if<Numbers>(&grid))
        return slot_of_numbers({numbers->width, range.lower.number()}, range.lower.number()) ==
               range;
    Interval moved = std::get<Interval>(grid);
    moved.origin = range.lower.time();
    return can_begin_at(moved.unit, moved.origin) && slot_at(moved, moved.origin) == range;
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
