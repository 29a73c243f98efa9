#include "core/key/uuidv7.hpp"

#include <algorithm>
#include <string_view>

namespace ppm {

namespace {

constexpr std::size_t timestamp_bytes = 6;

}  // namespace

Uuid uuidv7_lower_bound(Instant instant) {
    constexpr Instant last = milliseconds48_end - std::chrono::milliseconds{1};
    const auto clamped = std::clamp(instant, milliseconds48_begin, last);
    const auto milliseconds = static_cast<std::uint64_t>(
        std::chrono::floor<std::chrono::milliseconds>(clamped).time_since_epoch().count());

    Uuid uuid{};
    for (std::size_t i = 0; i < timestamp_bytes; ++i)
        uuid[i] = static_cast<std::uint8_t>(milliseconds >> (40 - 8 * i));
    uuid[6] = 0x70;
    uuid[8] = 0x80;
    return uuid;
}

Instant uuidv7_instant(const Uuid& uuid) {
    std::int64_t milliseconds = 0;
    for (std::size_t i = 0; i < timestamp_bytes; ++i)
        milliseconds = milliseconds << 8 | uuid[i];
    return Instant{std::chrono::milliseconds{milliseconds}};
}

bool is_uuidv7(const Uuid& uuid) {
    return (uuid[6] & 0xf0) == 0x70 && (uuid[8] & 0xc0) == 0x80;
}

bool is_bare_timestamp(const Uuid& uuid) {
    return std::all_of(uuid.begin() + timestamp_bytes, uuid.end(),
                       [](std::uint8_t byte) { return byte == 0; });
}

std::string to_text(const Uuid& uuid) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < uuid.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text += '-';
        text += digits[uuid[i] >> 4];
        text += digits[uuid[i] & 0xf];
    }
    return text;
}

}  // namespace ppm
