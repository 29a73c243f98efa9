#include "core/key/encoding.hpp"

#include <algorithm>
#include <cstdlib>

namespace ppm {

namespace chrono = std::chrono;

namespace {

template <typename Unit>
constexpr std::int64_t floor_to(chrono::microseconds time) {
    return chrono::floor<Unit>(time).count();
}

std::optional<std::int64_t> product(std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional{result};
}

// The instant so many units after `epoch`, or nothing if 64 bits cannot hold it.
std::optional<Instant> instant_after(Instant epoch, std::int64_t units,
                                     std::int64_t microseconds_each) {
    std::int64_t unix_time = 0;
    const auto microseconds = product(units, microseconds_each);
    if (!microseconds ||
        __builtin_add_overflow(*microseconds, epoch.time_since_epoch().count(), &unix_time))
        return std::nullopt;
    return Instant{chrono::microseconds{unix_time}};
}

}  // namespace

std::string_view name_of(KeyEncoding encoding) {
    return key_encoding_names[static_cast<std::size_t>(encoding)];
}

std::optional<KeyEncoding> key_encoding_named(std::string_view name) {
    const auto* const found = std::ranges::find(key_encoding_names, name);
    return found == key_encoding_names.end()
               ? std::nullopt
               : std::optional{static_cast<KeyEncoding>(found - key_encoding_names.begin())};
}

std::optional<std::int64_t> integer_of(Instant instant, KeyEncoding encoding,
                                       const Snowflake& snowflake) {
    const chrono::microseconds time = instant.time_since_epoch();
    switch (encoding) {
        case KeyEncoding::seconds:
            return floor_to<chrono::seconds>(time);
        case KeyEncoding::milliseconds:
            return floor_to<chrono::milliseconds>(time);
        case KeyEncoding::microseconds:
            return time.count();
        case KeyEncoding::nanoseconds:
            return product(time.count(), 1000);
        case KeyEncoding::snowflake: {
            std::int64_t since = 0;
            if (__builtin_sub_overflow(time.count(), snowflake.epoch.time_since_epoch().count(),
                                       &since))
                return std::nullopt;
            return product(floor_to<chrono::milliseconds>(chrono::microseconds{since}),
                           std::int64_t{1} << snowflake.shift);
        }
        case KeyEncoding::ulid:
            break;
    }
    std::abort();
}

std::optional<Instant> instant_of(std::int64_t number, KeyEncoding encoding,
                                  const Snowflake& snowflake) {
    switch (encoding) {
        case KeyEncoding::seconds:
            return instant_after({}, number, 1000000);
        case KeyEncoding::milliseconds:
            return instant_after({}, number, 1000);
        case KeyEncoding::microseconds:
            return instant_after({}, number, 1);
        case KeyEncoding::nanoseconds:
            return Instant{chrono::floor<chrono::microseconds>(chrono::nanoseconds{number})};
        case KeyEncoding::snowflake:
            return instant_after(snowflake.epoch, number >> snowflake.shift, 1000);
        case KeyEncoding::ulid:
            break;
    }
    std::abort();
}

}  // namespace ppm
