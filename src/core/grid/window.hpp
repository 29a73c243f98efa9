// The slots that a parent must have.
#pragma once

#include <optional>
#include <vector>

#include "core/grid/grid.hpp"
#include "core/key/key.hpp"

namespace ppm {

// [lower, upper), of whole slots.
struct Window {
    Grid grid;
    Position lower;
    Position upper;
    bool keeps_everything;            // nothing is ever outdated
    Position current{};               // the start of the current slot
    Position first = minus_infinity;  // before it no partition is missing
};

// The start of the slot that holds keys of `now`. If the clock was put back and the key tells
// instants, the clock may show another slot: the first pass of a repeated hour belongs to the slot
// before it, because all edges within the hour lie in its second pass.
Position current_start(Instant now, const KeyCodec& codec, const Grid& grid);

// `retention` slots before the current one (none without a retention), the current one, and
// `pre_provisioned` after it; cut to the slots that lie wholly between first_edge() and
// last_edge(). Slots count even if a change of the clock leaves them empty.
Window window_from(Position current, const Grid& grid, int pre_provisioned,
                   std::optional<int> retention);

// The window of `now`, for a key that tells time. While the clock repeats an hour, keys that tell
// civil time repeat it, too: that hour stays in the window.
Window window_at(Instant now, const KeyCodec& codec, const Grid& grid, int pre_provisioned,
                 std::optional<int> retention);

// The slots of the window that need a partition.
std::vector<Slot> slots_of(const Window& window);

}  // namespace ppm
