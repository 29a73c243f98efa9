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

// The start of the slot that keys of `now` lie in. Where the clock was put back and the key tells
// instants, that is not always the slot that the clock shows: of an hour that comes twice, the
// first belongs to the slot before it, because all edges in it are those of the second.
Position current_start(Instant now, const KeyCodec& codec, const Grid& grid);

// `retention` slots before the current one (none without a retention), that one, and
// `pre_provisioned` after it; cut to the slots that lie wholly between first_edge() and
// last_edge(). Slots count, also if a change of the clock left nothing of them.
Window window_from(Position current, const Grid& grid, int pre_provisioned,
                   std::optional<int> retention);

// That of `now`, of a key that tells time. While the clock goes again through an hour, keys that
// tell civil time do, too: that hour stays in the window.
Window window_at(Instant now, const KeyCodec& codec, const Grid& grid, int pre_provisioned,
                 std::optional<int> retention);

// Those of the window that partitions are to hold.
std::vector<Slot> slots_of(const Window& window);

}  // namespace ppm
