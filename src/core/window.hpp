// The slots that a parent must have.
#pragma once

#include <optional>
#include <vector>

#include "core/calendar.hpp"
#include "core/key.hpp"

namespace ppm {

// [lower, upper), of whole slots.
struct Window {
    Interval interval;
    LocalTime lower;
    LocalTime upper;
    bool keeps_everything;  // nothing is ever outdated
    LocalTime current{};    // the start of the current slot
};

// The start of the slot that keys of `now` lie in. Where the clock was put back and the key tells
// instants, that is not always the slot that the clock shows: of an hour that comes twice, the
// first belongs to the slot before it, because all edges in it are those of the second.
LocalTime current_start(Instant now, const KeyCodec& codec, const Interval& interval);

// `retention` slots before the current one (none without a retention), that one, and
// `pre_provisioned` after it; cut to the slots that lie wholly between calendar_begin and
// calendar_end. Slots count, also if a change of the clock left nothing of them.
Window window_from(LocalTime current, const Interval& interval, int pre_provisioned,
                   std::optional<int> retention);

// That of `now`. While the clock goes again through an hour, keys that tell civil time do, too:
// that hour stays in the window.
Window window_at(Instant now, const KeyCodec& codec, const Interval& interval, int pre_provisioned,
                 std::optional<int> retention);

std::vector<Slot> slots_of(const Window& window);

}  // namespace ppm
