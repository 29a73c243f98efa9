#include "core/grid/greatest_key.hpp"

#include <algorithm>

namespace ppm {

namespace {

Position slot_start(const Grid& grid, Position position) {
    return slot_at(grid, position).lower;
}

// The key to compare the greatest key with: the next one. Without it, the greatest key is in doubt
// only if partitions with an end exist, and it lies in none or other keys may be unseen.
std::optional<Position> key_before(const GreatestKey& key) {
    if (key.next || !key.others_have)
        return key.next;
    return key.has_own_partition && key.is_certain ? std::nullopt : std::optional{key.start};
}

}  // namespace

bool has_jumped(const GreatestKey& key, const Grid& grid, int pre_provisioned) {
    const auto before = key.greatest ? key_before(key) : std::nullopt;
    return before && slot_start(grid, *key.greatest) >
                         slots_after(grid, slot_start(grid, *before), pre_provisioned);
}

Window window_of(const GreatestKey& key, const Grid& grid, int pre_provisioned,
                 std::optional<int> retention) {
    Position now = key.greatest.value_or(key.start);
    if (!key.has_own_partition && has_jumped(key, grid, pre_provisioned))
        now = *key_before(key);
    Window window = window_from(slot_start(grid, now), grid, pre_provisioned, retention);
    window.first = std::min(slot_start(grid, key.start), window.current);
    window.keeps_everything = window.keeps_everything || !key.greatest;
    return window;
}

}  // namespace ppm
