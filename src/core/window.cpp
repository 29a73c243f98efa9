#include "core/window.hpp"

#include <algorithm>

namespace ppm {

namespace {

LocalTime first_edge_in_calendar(const Interval& interval) {
    const Slot slot = slot_at(interval, calendar_begin);
    return slot.lower == calendar_begin ? slot.lower : slot.upper;
}

}  // namespace

LocalTime current_start(Instant now, const KeyCodec& codec, const Interval& interval) {
    const Bound key = codec.encode(now);
    Slot slot = slot_at(interval, codec.civil(now));
    while (key < codec.encode(slot.lower))
        slot = slot_at(interval, slot.lower - LocalTime::duration{1});
    return slot.lower;
}

Window window_from(LocalTime current, const Interval& interval, int pre_provisioned,
                   std::optional<int> retention) {
    const LocalTime lower = slots_after(interval, current, -retention.value_or(0));
    const LocalTime upper = slots_after(interval, current, pre_provisioned + 1);
    const LocalTime begin = first_edge_in_calendar(interval);
    const LocalTime end = slot_at(interval, calendar_end).lower;
    // Nothing is outdated by a window that would begin before the calendar does.
    return {interval, std::max(lower, begin), std::min(upper, end),
            !retention || lower < calendar_begin, current};
}

Window window_at(Instant now, const KeyCodec& codec, const Interval& interval, int pre_provisioned,
                 std::optional<int> retention) {
    const auto window_of = [&](LocalTime current) {
        return window_from(current, interval, pre_provisioned, retention);
    };
    Window window = window_of(current_start(now, codec, interval));
    const Window by_instants = window_of(current_start(now, codec.of_instants(), interval));
    if (by_instants.lower < window.lower) {
        window.lower = by_instants.lower;
        window.keeps_everything = by_instants.keeps_everything;
    }
    return window;
}

std::vector<Slot> slots_of(const Window& window) {
    std::vector<Slot> slots;
    for (LocalTime start = window.lower; start < window.upper; start = slots.back().upper)
        slots.push_back(slot_at(window.interval, start));
    return slots;
}

}  // namespace ppm
