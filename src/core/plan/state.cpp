#include "core/plan/state.hpp"

#include <array>

namespace ppm {

namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, 8> state_names{"retained", "current",       "upcoming",
                                                      "outdated", "surplus",       "off_grid",
                                                      "default",  "pending_detach"};

// For keys that count. The first slot has no beginning, because the type may end within it.
Position any_below(Bound upper, const KeyCodec& codec) {
    const Position end = codec.decode(upper);
    return end == minus_infinity || end == plus_infinity ? Position{} : Position{end.number() - 1};
}

}  // namespace

Place place_in(const Window& window, const KeyCodec& codec, const BoundRange& bounds) {
    if (!window.keeps_everything && codec.is_in_range(window.lower) &&
        codec.canonical(bounds.upper) <= codec.encode(window.lower))
        return Place::outdated;
    return codec.canonical(bounds.lower) >= codec.encode(window.upper) ? Place::surplus
                                                                       : Place::inside;
}

std::optional<Slot> slot_of(const BoundRange& bounds, const KeyCodec& codec, const Grid& grid) {
    const Position lower = codec.decode(bounds.lower);
    if (std::holds_alternative<Interval>(grid) && (lower < calendar_begin || lower >= calendar_end))
        return std::nullopt;
    const Slot slot =
        slot_at(grid, lower == minus_infinity ? any_below(bounds.upper, codec) : lower);
    return codec.canonical(bounds) ==
                   codec.canonical({codec.encode(slot.lower), codec.encode(slot.upper)})
               ? std::optional{slot}
               : std::nullopt;
}

std::string_view name_of(PartitionState state) {
    return state_names[static_cast<std::size_t>(state)];
}

PartitionState state_of(const Partition& partition, const KeyCodec& codec, const Window& window) {
    if (partition.detach_pending)
        return PartitionState::pending_detach;
    const Place place = place_in(window, codec, partition.bounds);
    if (place != Place::inside)
        return place == Place::outdated ? PartitionState::outdated : PartitionState::surplus;
    // Without a retention, what lies before the window is kept as it is.
    if (codec.canonical(partition.bounds.upper) <= codec.encode(window.lower))
        return PartitionState::retained;
    const auto slot = slot_of(partition.bounds, codec, window.grid);
    if (!slot)
        return PartitionState::off_grid;
    if (slot->lower == window.current)
        return PartitionState::current;
    return slot->lower < window.current ? PartitionState::retained : PartitionState::upcoming;
}

}  // namespace ppm
