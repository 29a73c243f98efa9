// ULIDs: 48 bits of milliseconds since 1970 and 80 others, as 26 characters of Crockford's base 32
// in upper case, whose order as bytes is that of the numbers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/key/uuidv7.hpp"

namespace ppm {

inline constexpr std::size_t ulid_characters = 26;

// The smallest ULID of `instant`, which is cut to the millisecond and clamped to what a ULID can
// tell: as text, and as the uuid of the same 128 bits.
std::string ulid_lower_bound(Instant instant);
Uuid ulid_uuid_lower_bound(Instant instant);

// The instant in a ULID, or nothing if the text is none.
std::optional<Instant> ulid_instant(std::string_view text);

// Whether the text is a ULID, or the beginning of one, as people write a bound: no ULID lies
// between the beginning and the same text filled up with zeros.
bool is_ulid(std::string_view text);
bool begins_ulid(std::string_view text);
std::string padded_ulid(std::string_view beginning);

// The instant at which a text of any kind lies among ULIDs. Never decreases as the text grows.
Instant instant_among_ulids(std::string_view text);

}  // namespace ppm
