// Which rows of a parent are moved, and into which new partitions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/grid/window.hpp"
#include "core/key/key.hpp"
#include "core/plan/parent.hpp"

namespace ppm {

// The range of keys that are moved. A missing end is no limit.
struct MoveRange {
    std::optional<Bound> from;
    std::optional<Bound> to;
};

// A partition that a move makes.
struct MoveTarget {
    std::string name;
    BoundRange bounds;

    bool operator==(const MoveTarget&) const = default;
};

struct MovePlan {
    std::vector<Partition> sources;   // by lower bound; without the default partition
    bool from_default = false;        // a new one takes the place of the default partition
    std::vector<MoveTarget> targets;  // by lower bound; without the new default partition

    bool empty() const { return targets.empty(); }
};

// The starts of the slots that the partition has rows of, in order. May throw what its source
// throws.
using SlotsWithRows = std::function<std::vector<Position>(const Partition& partition)>;

// A plan with more new partitions than this is not executed.
inline constexpr std::size_t max_move_targets = 10000;

// `parent` is valid, and `codec` is that of its key. Without a range, outdated rows stay where they
// are, and so do partitions after the window.
//
// The targets cover all that the sources cover, so that every row that comes meanwhile has a place.
// One wide piece at each end covers what has no rows and lies outside the window. Throws only what
// `slots_with_rows` throws. If more than max_move_targets are needed, the plan stops there and must
// not be executed.
MovePlan plan_move(const Parent& parent, const KeyCodec& codec, const Window& window,
                   const MoveRange& range, const SlotsWithRows& slots_with_rows);

// The slot that holds the key; nothing if the key does not tell a time of the calendar.
std::optional<Slot> slot_of_key(Bound key, const KeyCodec& codec, const Grid& grid);

// Joins adjacent ranges. `ranges` are in order and do not overlap.
std::vector<BoundRange> joined(const std::vector<BoundRange>& ranges);

}  // namespace ppm
