// The bounds of a UUIDv7 key: the two ways to write an instant of UTC.
#pragma once

#include <algorithm>
#include <string>

#include "civil.hpp"
#include "core/bound.hpp"
#include "core/key.hpp"
#include "core/uuidv7.hpp"

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

// Whether no key can lie between the two: both are of one millisecond, and not even its first
// UUIDv7 lies below the upper one.
inline bool is_sliver(const KeyCodec& codec, const BoundRange& range) {
    return codec.type() == KeyType::uuid && range.lower.kind() == Bound::Kind::value &&
           range.upper <= Bound::of_bytes(uuidv7_lower_bound(uuidv7_instant(range.lower.bytes())));
}

}  // namespace ppm
