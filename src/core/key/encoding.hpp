// How a key of a type that is not for time encodes time (ppm.key_encoding). Integers are converted
// here, ULIDs in ulid.hpp.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/key/instant.hpp"

namespace ppm {

// In the order of `key_encoding_names` and of the type ppm.key_encoding, `ulid` last. A second is a
// whole number of each unit: slots can begin at any second, in zones of long ago.
enum class KeyEncoding { seconds, milliseconds, microseconds, nanoseconds, snowflake, ulid };

// As ppm.key_encoding has them.
inline constexpr std::array<std::string_view, 6> key_encoding_names{
    "seconds", "milliseconds", "microseconds", "nanoseconds", "snowflake", "ulid"};

static_assert(key_encoding_names.size() == static_cast<std::size_t>(KeyEncoding::ulid) + 1);

std::string_view name_of(KeyEncoding encoding);
std::optional<KeyEncoding> key_encoding_named(std::string_view name);

// A Snowflake ID: milliseconds since `epoch`, shifted left by `shift` bits. `epoch` must be a
// whole number of milliseconds.
struct Snowflake {
    Instant epoch{std::chrono::milliseconds{1288834974657}};
    int shift = 22;  // 0 to 62

    bool operator==(const Snowflake&) const = default;
};

inline constexpr int longest_shift = 62;

// Only for integer keys: both functions abort for ulid.

// The instant as a number, rounded down to the encoding's unit, or nothing if 64 bits cannot hold
// it. Never decreases as `instant` grows.
std::optional<std::int64_t> integer_of(Instant instant, KeyEncoding encoding,
                                       const Snowflake& snowflake);

// The first instant of the number, or nothing if an Instant cannot hold it.
std::optional<Instant> instant_of(std::int64_t number, KeyEncoding encoding,
                                  const Snowflake& snowflake);

}  // namespace ppm
