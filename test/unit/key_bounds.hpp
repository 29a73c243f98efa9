// Bounds of UUIDv7 and ULID keys: the two ways to write an instant of UTC.
#pragma once

#include <algorithm>
#include <string>

#include "civil.hpp"
#include "core/key/bound.hpp"
#include "core/key/key.hpp"
#include "core/key/ulid.hpp"
#include "core/key/uuidv7.hpp"

namespace ppm {

inline Instant utc_instant(const std::string& time) {
    return Instant{civil(time).time_since_epoch()};
}

// ppm's own: the first UUIDv7 of that millisecond.
inline Bound versioned(const std::string& time) {
    return Bound::of_bytes(uuidv7_lower_bound(utc_instant(time)));
}

// Other tools': the time and nothing else.
inline Bound bare(const std::string& time) {
    Uuid uuid = uuidv7_lower_bound(utc_instant(time));
    std::fill(uuid.begin() + 6, uuid.end(), std::uint8_t{0});
    return Bound::of_bytes(uuid);
}

// Whether no key can lie between the two: not even the first UUIDv7 of the lower one's
// millisecond, or the first ULID that begins with it, lies below the upper one.
inline bool is_sliver(const KeyCodec& codec, const BoundRange& range) {
    if (range.lower.kind() != Bound::Kind::value || !codec.may_lack_time())
        return false;
    if (is_text(codec.type()))
        return begins_ulid(range.lower.text()) &&
               range.upper <= Bound::of_text(padded_ulid(range.lower.text()));
    return range.upper <= Bound::of_bytes(uuidv7_lower_bound(uuidv7_instant(range.lower.bytes())));
}

}  // namespace ppm
