// The slots that a parent must have.
#pragma once

#include <optional>
#include <vector>

#include "core/calendar.hpp"

namespace ppm {

// [lower, upper), of whole slots.
struct Window {
    Interval interval;
    LocalTime lower;
    LocalTime upper;
    bool keeps_everything;  // nothing is ever outdated
    LocalTime current{};    // the start of the slot that holds today
};

// `retention` slots before the one that holds `today` (none without a retention), that one, and
// `pre_provisioned` after it; cut to the slots that lie wholly between calendar_begin and
// calendar_end.
Window window_at(Date today, Interval interval, int pre_provisioned, std::optional<int> retention);

std::vector<Slot> slots_of(const Window& window);

}  // namespace ppm
