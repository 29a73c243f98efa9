// What a partition is to its parent's window.
#pragma once

#include <optional>
#include <string_view>

#include "core/grid/window.hpp"
#include "core/key/key.hpp"
#include "core/plan/parent.hpp"

namespace ppm {

enum class Place { outdated, inside, surplus };

// Nothing is outdated if the window keeps everything, or begins before anything that the key can
// tell.

Place place_in(const Window& window, const KeyCodec& codec, const BoundRange& bounds);

// The slot of the grid that has exactly these bounds, if one has.
std::optional<Slot> slot_of(const BoundRange& bounds, const KeyCodec& codec, const Grid& grid);

// Their names are the `state` of a row of ppm.partitions.
enum class PartitionState {
    retained,
    current,
    upcoming,
    outdated,
    surplus,
    off_grid,  // in the window, but not one slot of it
    default_partition,
    pending_detach,
};

std::string_view name_of(PartitionState state);

// For any partition but the default partition.
PartitionState state_of(const Partition& partition, const KeyCodec& codec, const Window& window);

}  // namespace ppm
