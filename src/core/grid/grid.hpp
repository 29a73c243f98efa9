// How positions are cut into slots.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/grid/calendar.hpp"
#include "core/key/position.hpp"

namespace ppm {

// The grid of a key that counts: multiples of a number, from an origin.
struct Numbers {
    std::int64_t width;       // at least 1
    std::int64_t origin = 0;  // an edge

    bool operator==(const Numbers&) const = default;
};

using Grid = std::variant<Interval, Numbers>;

// The slot that holds the position. An edge past what 64 bits hold is minus_infinity or
// plus_infinity.
Slot slot_at(const Grid& grid, Position position);

// The start of the slot that lies `count` slots after (before, if negative) the one starting at
// `start`. Past the grid's ends: an edge outside of the calendar, see calendar.hpp; of numbers,
// an infinity.
Position slots_after(const Grid& grid, Position start, int count);

// The first and the last edge that partitions may have.
Position first_edge(const Grid& grid);
Position last_edge(const Grid& grid);

// Whether `range` would be a slot if the grid had another origin.
bool is_slot_from_another_origin(const Grid& grid, const Slot& range);

// The interval as ppm.config has it, and its origin where that is not the default.
std::string name_of(const Grid& grid);
std::optional<std::string> origin_of(const Grid& grid);

// The grid from ppm.config's texts, spelled as name_of() and origin_of() do, or nothing.
std::optional<Grid> grid_from(std::string_view name, const std::optional<std::string>& origin);

// `daily partitions`, `partitions of 10 days`, `partitions of 1000000`
std::string of_interval(const Grid& grid, const std::string& noun);

}  // namespace ppm
