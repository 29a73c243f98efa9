// The current slot of keys that count: where their greatest key lies.
#pragma once

#include <optional>

#include "core/grid/grid.hpp"
#include "core/grid/window.hpp"

namespace ppm {

// The greatest key of a table, as far as that can be told without waiting for a lock.
struct GreatestKey {
    std::optional<Position> greatest;  // none: there are no rows
    std::optional<Position> next;      // the greatest in any slot below; none: there is none
    // Whether it lies in a partition that has an end, not in the default partition.
    bool has_own_partition = false;
    bool others_have = false;  // whether any partition has an end
    bool is_certain = true;    // no partition was skipped because it was locked
    bool is_known = true;      // or else the search would have taken too long
    Position start{};          // where the keys begin: with their sequence, or at the origin

    bool operator==(const GreatestKey&) const = default;
};

// Whether it lies more than `pre_provisioned` slots above the next slot that has rows: it may be a
// mistake.
bool has_jumped(const GreatestKey& key, const Grid& grid, int pre_provisioned);

// The current slot holds the greatest key. If that key has jumped and lies in no partition that has
// an end, the current slot holds the key before it. A table without rows keeps everything.
Window window_of(const GreatestKey& key, const Grid& grid, int pre_provisioned,
                 std::optional<int> retention);

}  // namespace ppm
