#include "core/key.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace ppm {

namespace chrono = std::chrono;

namespace {

// PostgreSQL counts days and microseconds from here (POSTGRES_EPOCH_JDATE).
constexpr chrono::days epoch = Date{chrono::year{2000} / 1 / 1}.time_since_epoch();

constexpr LocalTime last_civil = Date{chrono::year::max() / 12 / 31};

// A date's stored days as civil time.
LocalTime from_stored_days(std::int64_t days) {
    if (days <= std::numeric_limits<std::int32_t>::min())
        return minus_infinity;
    const chrono::days since_1970 = chrono::days{days} + epoch;
    return since_1970 > chrono::floor<chrono::days>(last_civil.time_since_epoch())
               ? plus_infinity
               : LocalTime{since_1970};
}

// A timestamp's stored microseconds since 1970, or nothing past what 64 bits hold of them.
std::optional<chrono::microseconds> since_1970(std::int64_t stored) {
    constexpr chrono::microseconds shift = epoch;
    if (stored > std::numeric_limits<std::int64_t>::max() - shift.count())
        return std::nullopt;
    return chrono::microseconds{stored} + shift;
}

bool is_minus_infinity(std::int64_t stored) {
    return stored == std::numeric_limits<std::int64_t>::min();
}

LocalTime saturated(LocalTime time) {
    return time > last_civil ? plus_infinity : time;
}

// `+01`, `-03:30`, `-00:25:21`
std::string offset_text(chrono::seconds offset) {
    const chrono::hh_mm_ss clock{chrono::abs(offset)};
    const auto hours = static_cast<int>(clock.hours().count());
    const auto minutes = static_cast<int>(clock.minutes().count());
    const auto seconds = static_cast<int>(clock.seconds().count());

    std::array<char, 32> text{};
    const char sign = offset < chrono::seconds{} ? '-' : '+';
    if (seconds != 0)
        std::snprintf(text.data(), text.size(), "%c%02d:%02d:%02d", sign, hours, minutes, seconds);
    else if (minutes != 0)
        std::snprintf(text.data(), text.size(), "%c%02d:%02d", sign, hours, minutes);
    else
        std::snprintf(text.data(), text.size(), "%c%02d", sign, hours);
    return text.data();
}

std::string uuid_text(const Uuid& uuid) {
    std::string text;
    for (std::size_t i = 0; i < uuid.size(); ++i) {
        std::array<char, 3> hex{};
        std::snprintf(hex.data(), hex.size(), "%02x", static_cast<unsigned>(uuid[i]));
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text += '-';
        text += hex.data();
    }
    return text;
}

}  // namespace

std::string_view name_of(KeyType type) {
    switch (type) {
        case KeyType::date:
            return "date";
        case KeyType::timestamp:
            return "timestamp";
        case KeyType::timestamptz:
            return "timestamptz";
        case KeyType::uuid:
            return "uuid";
    }
    std::abort();
}

Bound KeyCodec::encode(LocalTime time) const {
    switch (type_) {
        case KeyType::date:
            return Bound::of_integer(
                (chrono::floor<chrono::days>(time).time_since_epoch() - epoch).count());
        case KeyType::timestamp:
            return Bound::of_integer((time.time_since_epoch() - epoch).count());
        case KeyType::timestamptz:
            return Bound::of_integer((zone_->instant(time).time_since_epoch() - epoch).count());
        case KeyType::uuid:
            return Bound::of_bytes(uuidv7_lower_bound(zone_->instant(time)));
    }
    std::abort();
}

LocalTime KeyCodec::decode(Bound bound) const {
    if (bound.kind() == Bound::Kind::min_value)
        return minus_infinity;
    if (bound.kind() == Bound::Kind::max_value)
        return plus_infinity;

    if (type_ == KeyType::date)
        return from_stored_days(bound.integer());
    if (type_ == KeyType::uuid)
        return zone_->civil(uuidv7_instant(bound.bytes()));

    if (is_minus_infinity(bound.integer()))
        return minus_infinity;
    const auto time = since_1970(bound.integer());
    if (!time)
        return plus_infinity;
    return saturated(type_ == KeyType::timestamp ? LocalTime{*time} : zone_->civil(Instant{*time}));
}

Bound KeyCodec::canonical(Bound bound) const {
    if (type_ != KeyType::uuid || bound.kind() != Bound::Kind::value)
        return bound;
    const Uuid uuid = bound.bytes();
    return is_bare_timestamp(uuid) ? Bound::of_bytes(uuidv7_lower_bound(uuidv7_instant(uuid)))
                                   : bound;
}

std::string KeyCodec::literal(Bound bound) const {
    const LocalTime time = decode(bound);
    switch (type_) {
        case KeyType::date:
            return "'" + to_text(time) + "'";
        case KeyType::timestamp:
            return "'" + to_timestamp_text(time) + "'";
        case KeyType::timestamptz: {
            const auto offset =
                time.time_since_epoch() - epoch - chrono::microseconds{bound.integer()};
            return "'" + to_timestamp_text(time) +
                   offset_text(chrono::duration_cast<chrono::seconds>(offset)) + "'";
        }
        case KeyType::uuid:
            return "'" + uuid_text(bound.bytes()) + "'";
    }
    std::abort();
}

}  // namespace ppm
