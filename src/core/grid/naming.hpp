// The names of partitions. A name is only a label for people: the bounds define the partition.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/grid/grid.hpp"

namespace ppm {

// PostgreSQL cuts a longer identifier silently (NAMEDATALEN - 1); ppm refuses to make one.
inline constexpr std::size_t max_name_bytes = 63;

// By the smallest unit of the slots' starts: `orders_2026_11_26_1315`, `orders_2026_11_26_13`,
// `orders_2026_11_26`, `orders_2026_w47`, `orders_2026_11`, `orders_2026_q4`, `orders_2026`; for
// numbers `orders_1000000`, below zero `orders_m1000000`. No two slots of a grid share a name.
std::string slot_name(std::string_view table, const Grid& grid, const Slot& slot);

// For a part of a slot, or more than one slot: `orders_20261122_20261201`, with the hour and minute
// unless both are midnight; for numbers `orders_1000000_1500000`. For times without a beginning
// `orders_until_20261201`, without an end `orders_from_20261122`.
std::string piece_name(std::string_view table, const Grid& grid, const Slot& piece);

// The slot of the grid whose name this is, or nothing: the inverse of slot_name().
std::optional<Slot> slot_named(std::string_view name, std::string_view table, const Grid& grid);

// How many bytes slot_name() adds to the table's name; of numbers, at least.
std::size_t suffix_bytes(const Grid& grid);

}  // namespace ppm
