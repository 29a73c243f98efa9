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

// What is moved, by its keys; without an end, everything.
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
    std::vector<Partition> sources;   // by lower bound; but for the default partition
    bool from_default = false;        // a new one takes the place of the default partition
    std::vector<MoveTarget> targets;  // by lower bound; but for the new default partition

    bool empty() const { return targets.empty(); }
};

// The starts of the slots that the partition has rows of, in order. May throw what its source
// throws.
using SlotsWithRows = std::function<std::vector<Position>(const Partition& partition)>;

// More new partitions than this are no plan.
inline constexpr std::size_t max_move_targets = 10000;

// `parent` is valid, and `codec` is that of its key. Without a range, what is outdated stays where
// it is, and so does what lies outside of the window without an end of its own.
//
// The targets cover what the sources cover, so that every row that comes meanwhile has a place:
// where there are no rows and no slots of the window, by one wide piece at each end. Throws nothing
// of its own; with more than max_move_targets the plan has just as many, and is not to be executed.
MovePlan plan_move(const Parent& parent, const KeyCodec& codec, const Window& window,
                   const MoveRange& range, const SlotsWithRows& slots_with_rows);

// The slot that holds the key, which tells a time of the calendar; of keys that tell none, nothing.
std::optional<Slot> slot_of_key(Bound key, const KeyCodec& codec, const Grid& grid);

// Ranges that touch as one, in order. `ranges` are in order and do not overlap.
std::vector<BoundRange> joined(const std::vector<BoundRange>& ranges);

}  // namespace ppm
