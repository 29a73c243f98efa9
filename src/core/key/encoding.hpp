// How integers tell time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/key/uuidv7.hpp"

namespace ppm {

// How a key tells time whose type does not say it. The names are those of ppm.key_encoding.
enum class KeyEncoding { seconds, milliseconds, microseconds, nanoseconds, snowflake, ulid };

std::string_view name_of(KeyEncoding encoding);
std::optional<KeyEncoding> key_encoding_named(std::string_view name);

// Milliseconds since `epoch`, which is one of whole milliseconds, above `shift` bits of other
// things.
struct Snowflake {
    Instant epoch{std::chrono::milliseconds{1288834974657}};
    int shift = 22;  // 0 to 62

    bool operator==(const Snowflake&) const = default;
};

inline constexpr int longest_shift = 62;

// The smallest number of the instant, cut to what the encoding tells; nothing past what 64 bits
// hold. Never decreases as `instant` grows. Of any encoding but ulid.
std::optional<std::int64_t> encoded(Instant instant, KeyEncoding encoding,
                                    const Snowflake& snowflake);

// The first instant of the number, or nothing past what an Instant holds.
std::optional<Instant> decoded(std::int64_t number, KeyEncoding encoding,
                               const Snowflake& snowflake);

}  // namespace ppm
