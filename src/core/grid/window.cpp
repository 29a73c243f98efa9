#include "core/grid/window.hpp"

#include <algorithm>

namespace ppm {

Position current_start(Instant now, const KeyCodec& codec, const Grid& grid) {
    constexpr LocalTime::duration moment{1};
    const Bound key = codec.encode(now);
    Slot slot = slot_at(grid, codec.civil(now));
    while (key < codec.encode(slot.lower))
        slot = slot_at(grid, slot.lower.time() - moment);
    return slot.lower;
}

Window window_from(Position current, const Grid& grid, int pre_provisioned,
                   std::optional<int> retention) {
    const Position lower = slots_after(grid, current, -retention.value_or(0));
    const Position upper = slots_after(grid, current, pre_provisioned + 1);
    const Position begin = first_edge(grid);
    const bool would_begin_before =
        std::holds_alternative<Interval>(grid) ? lower < calendar_begin : lower == begin;
    // If the window would begin before the grid does, nothing is outdated.
    return {grid, std::max(lower, begin), std::min(upper, last_edge(grid)),
            !retention || would_begin_before, current};
}

Window window_at(Instant now, const KeyCodec& codec, const Grid& grid, int pre_provisioned,
                 std::optional<int> retention) {
    const auto window_of = [&](Position current) {
        return window_from(current, grid, pre_provisioned, retention);
    };
    Window window = window_of(current_start(now, codec, grid));
    const Window by_instants = window_of(current_start(now, codec.of_instants(), grid));
    if (by_instants.lower < window.lower) {
        window.lower = by_instants.lower;
        window.keeps_everything = by_instants.keeps_everything;
    }
    return window;
}

std::vector<Slot> slots_of(const Window& window) {
    std::vector<Slot> slots;
    for (Position start = std::max(window.lower, window.first); start < window.upper;
         start = slots.back().upper)
        slots.push_back(slot_at(window.grid, start));
    return slots;
}

}  // namespace ppm
