// UUID version 7 (RFC 9562, section 5.7) as a point in time.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/key/instant.hpp"

namespace ppm {

using Uuid = std::array<std::uint8_t, 16>;

// The smallest UUIDv7 of `instant`, which is cut to the millisecond and clamped to what a UUIDv7
// can tell.
Uuid uuidv7_lower_bound(Instant instant);

// The instant in the first 48 bits, whatever the version.
Instant uuidv7_instant(const Uuid& uuid);

// Whether `uuid` says of itself that it is a version 7.
bool is_uuidv7(const Uuid& uuid);

// Whether all but the 48 bits of time is zero: how tools that ignore the version write a bound. No
// UUIDv7 lies between it and uuidv7_lower_bound() of the same instant.
bool is_bare_timestamp(const Uuid& uuid);

// As PostgreSQL writes it.
std::string to_text(const Uuid& uuid);

}  // namespace ppm
