#include "core/key.hpp"

#include <cstdlib>
#include <limits>
#include <optional>

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
        case KeyType::uuid:
            return encode(zone_->instant(time));
    }
    std::abort();
}

Bound KeyCodec::encode(Instant instant) const {
    switch (type_) {
        case KeyType::date:
        case KeyType::timestamp:
            return encode(zone_->civil(instant));
        case KeyType::timestamptz:
            return Bound::of_integer((instant.time_since_epoch() - epoch).count());
        case KeyType::uuid:
            return Bound::of_bytes(uuidv7_lower_bound(instant));
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
    if (!time || LocalTime{*time} > last_civil)
        return plus_infinity;
    const LocalTime civil =
        type_ == KeyType::timestamp ? LocalTime{*time} : zone_->civil(Instant{*time});
    return civil > last_civil ? plus_infinity : civil;
}

Bound KeyCodec::canonical(Bound bound) const {
    if (type_ != KeyType::uuid || bound.kind() != Bound::Kind::value)
        return bound;
    const Uuid uuid = bound.bytes();
    return is_bare_timestamp(uuid) ? Bound::of_bytes(uuidv7_lower_bound(uuidv7_instant(uuid)))
                                   : bound;
}

bool KeyCodec::can_tell(LocalTime time) const {
    return type_ != KeyType::uuid || zone_->instant(time) >= uuidv7_begin;
}

bool KeyCodec::tells_time(Bound key) const {
    return type_ != KeyType::uuid || is_uuidv7(key.bytes());
}

bool KeyCodec::is_time(Bound bound) const {
    if (type_ != KeyType::uuid || bound.kind() != Bound::Kind::value)
        return true;
    Uuid largest;
    largest.fill(0xff);
    return tells_time(bound) || is_bare_timestamp(bound.bytes()) || bound.bytes() == largest;
}

}  // namespace ppm
