#include "core/window.hpp"

#include <algorithm>

namespace ppm {

Window window_at(Date today, Interval interval, int pre_provisioned, std::optional<int> retention) {
    const LocalTime current = slot_at(interval, today).lower;
    const LocalTime lower = slots_after(interval, current, -retention.value_or(0));
    const LocalTime upper = slots_after(interval, current, pre_provisioned + 1);

    // The first day of year 1 starts a slot of every interval; the last slot of the calendar may
    // end past it.
    const Slot last = slot_at(interval, calendar_end);
    // Nothing is outdated by a window that would begin before the calendar does.
    return {interval, std::max(lower, calendar_begin), std::min(upper, last.lower),
            !retention || lower < calendar_begin, current};
}

std::vector<Slot> slots_of(const Window& window) {
    std::vector<Slot> slots;
    for (LocalTime start = window.lower; start < window.upper; start = slots.back().upper)
        slots.push_back(slot_at(window.interval, start));
    return slots;
}

}  // namespace ppm
