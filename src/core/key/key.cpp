#include "core/key/key.hpp"

#include <cstdlib>
#include <limits>
#include <utility>

#include "core/key/ulid.hpp"

namespace ppm {

namespace chrono = std::chrono;

namespace {

constexpr LocalTime last_civil = Date{chrono::year::max() / 12 / 31};
// The first date that PostgreSQL has.
constexpr LocalTime first_civil = Date{chrono::year{-4712} / 1 / 1};

// A date's stored days as civil time.
Position from_stored_days(std::int64_t days) {
    if (days <= std::numeric_limits<std::int32_t>::min())
        return minus_infinity;
    const chrono::days unix_days = chrono::days{days} + postgres_epoch;
    return unix_days > chrono::floor<chrono::days>(last_civil.time_since_epoch())
               ? plus_infinity
               : LocalTime{unix_days};
}

// The Unix time of a timestamp as it is stored, or nothing if 64 bits cannot hold it.
std::optional<chrono::microseconds> unix_time(std::int64_t stored) {
    constexpr chrono::microseconds shift = postgres_epoch;
    if (stored > std::numeric_limits<std::int64_t>::max() - shift.count())
        return std::nullopt;
    return chrono::microseconds{stored} + shift;
}

bool is_minus_infinity(std::int64_t stored) {
    return stored == std::numeric_limits<std::int64_t>::min();
}

template <typename Integer>
constexpr std::pair<std::int64_t, std::int64_t> limits_of() {
    return {std::numeric_limits<Integer>::min(), std::numeric_limits<Integer>::max()};
}

// The least and the greatest number of a type.
constexpr std::pair<std::int64_t, std::int64_t> limits_of(KeyType type) {
    switch (type) {
        case KeyType::smallint:
            return limits_of<std::int16_t>();
        case KeyType::integer:
            return limits_of<std::int32_t>();
        default:
            return limits_of<std::int64_t>();
    }
}

std::string number_text(Position position) {
    if (position == minus_infinity)
        return "MINVALUE";
    return position == plus_infinity ? "MAXVALUE" : std::to_string(position.number());
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
        case KeyType::smallint:
            return "smallint";
        case KeyType::integer:
            return "integer";
        case KeyType::bigint:
            return "bigint";
        case KeyType::text:
            return "text";
        case KeyType::varchar:
            return "varchar";
    }
    std::abort();
}

bool is_integer(KeyType type) {
    return type == KeyType::smallint || type == KeyType::integer || type == KeyType::bigint;
}

bool is_text(KeyType type) {
    return type == KeyType::text || type == KeyType::varchar;
}

bool type_supports_encoding(KeyType type, KeyEncoding encoding) {
    switch (encoding) {
        case KeyEncoding::snowflake:
            return type == KeyType::bigint;
        case KeyEncoding::ulid:
            return is_text(type) || type == KeyType::uuid;
        // (An integer holds only times near 1970 in the smaller units.)
        case KeyEncoding::seconds:
        case KeyEncoding::milliseconds:
        case KeyEncoding::microseconds:
        case KeyEncoding::nanoseconds:
            return type == KeyType::integer || type == KeyType::bigint;
    }
    std::abort();
}

Bound KeyCodec::of_number(Position position) const {
    const auto [least, greatest] = limits_of(key_.type);
    if (position.number() <= least)
        return Bound::min_value();
    return position == plus_infinity || position.number() > greatest
               ? Bound::max_value()
               : Bound::of_integer(position.number());
}

Bound KeyCodec::within_type(std::optional<std::int64_t> number, bool is_late) const {
    if (!number)
        return is_late ? Bound::max_value() : Bound::min_value();
    const auto [least, greatest] = limits_of(key_.type);
    if (*number <= least)
        return Bound::min_value();
    return *number > greatest ? Bound::max_value() : Bound::of_integer(*number);
}

Bound KeyCodec::encode(Position position) const {
    if (counts())
        return of_number(position);
    switch (key_.type) {
        case KeyType::date:
            return Bound::of_integer(
                (chrono::floor<chrono::days>(position.time()).time_since_epoch() - postgres_epoch)
                    .count());
        case KeyType::timestamp:
            return Bound::of_integer((position.time().time_since_epoch() - postgres_epoch).count());
        default:
            return encode(zone_->instant(position.time()));
    }
}

Bound KeyCodec::encode(Instant instant) const {
    switch (key_.type) {
        case KeyType::date:
        case KeyType::timestamp:
            return encode(Position{zone_->civil(instant)});
        case KeyType::timestamptz:
            return Bound::of_integer((instant.time_since_epoch() - postgres_epoch).count());
        case KeyType::uuid:
            return Bound::of_bytes(key_.encoding ? ulid_uuid_lower_bound(instant)
                                                 : uuidv7_lower_bound(instant));
        case KeyType::text:
        case KeyType::varchar:
            return Bound::of_text(ulid_lower_bound(instant));
        default: {
            // What has no number in 64 bits lies far below the epoch, or far above it.
            const Instant epoch =
                key_.encoding == KeyEncoding::snowflake ? key_.snowflake.epoch : Instant{};
            return within_type(integer_of(instant, *key_.encoding, key_.snowflake),
                               instant > epoch);
        }
    }
}

Position KeyCodec::decode(Bound bound) const {
    if (bound.kind() == Bound::Kind::min_value)
        return minus_infinity;
    if (bound.kind() == Bound::Kind::max_value)
        return plus_infinity;

    const auto civil = [&](Instant instant) -> Position {
        if (LocalTime{instant.time_since_epoch()} < first_civil)
            return minus_infinity;
        if (LocalTime{instant.time_since_epoch()} > last_civil)
            return plus_infinity;
        const LocalTime time = zone_->civil(instant);
        return time > last_civil ? plus_infinity : Position{time};
    };
    switch (key_.type) {
        case KeyType::date:
            return from_stored_days(bound.integer());
        case KeyType::uuid:
            return zone_->civil(uuidv7_instant(bound.bytes()));
        case KeyType::text:
        case KeyType::varchar:
            return civil(instant_among_ulids(bound.text()));
        case KeyType::timestamp:
        case KeyType::timestamptz:
            break;
        default:
            if (counts())
                return Position{bound.integer()};
            if (const auto instant = instant_of(bound.integer(), *key_.encoding, key_.snowflake))
                return civil(*instant);
            return bound.integer() < 0 ? minus_infinity : plus_infinity;
    }

    if (is_minus_infinity(bound.integer()))
        return minus_infinity;
    const auto time = unix_time(bound.integer());
    if (!time || LocalTime{*time} > last_civil)
        return plus_infinity;
    const LocalTime shown =
        key_.type == KeyType::timestamp ? LocalTime{*time} : zone_->civil(Instant{*time});
    return shown > last_civil ? plus_infinity : Position{shown};
}

Bound KeyCodec::canonical(Bound bound) const {
    if (bound.kind() != Bound::Kind::value)
        return bound;
    if (is_integer(key_.type))
        return bound.integer() == limits_of(key_.type).first ? Bound::min_value() : bound;
    if (is_text(key_.type))
        return begins_ulid(bound.text()) ? Bound::of_text(padded_ulid(bound.text())) : bound;
    if (key_.type != KeyType::uuid || key_.encoding)
        return bound;
    const Uuid uuid = bound.bytes();
    return is_bare_timestamp(uuid) ? Bound::of_bytes(uuidv7_lower_bound(uuidv7_instant(uuid)))
                                   : bound;
}

bool KeyCodec::is_in_range(Position position) const {
    if (is_integer(key_.type))
        return encode(position).kind() == Bound::Kind::value;
    const bool has_48_bits = key_.type == KeyType::uuid || is_text(key_.type);
    return !has_48_bits || zone_->instant(position.time()) >= milliseconds48_begin;
}

bool KeyCodec::may_lack_time() const {
    return is_text(key_.type) || (key_.type == KeyType::uuid && !key_.encoding);
}

bool KeyCodec::has_time(Bound value) const {
    if (is_text(key_.type))
        return is_ulid(value.text());
    return !may_lack_time() || is_uuidv7(value.bytes());
}

bool KeyCodec::is_time_bound(Bound bound) const {
    if (!may_lack_time() || bound.kind() != Bound::Kind::value)
        return true;
    if (is_text(key_.type))
        return begins_ulid(bound.text()) || instant_among_ulids(bound.text()) >= milliseconds48_end;
    Uuid largest;
    largest.fill(0xff);
    return has_time(bound) || is_bare_timestamp(bound.bytes()) || bound.bytes() == largest;
}

bool KeyCodec::is_endless(Bound bound) const {
    constexpr LocalTime long_after_the_calendar = Date{chrono::year{10100} / 1 / 1};
    if (is_integer(key_.type) && bound == Bound::of_integer(limits_of(key_.type).second))
        return true;
    return decode(bound) >= (counts() ? plus_infinity : Position{long_after_the_calendar});
}

bool KeyCodec::is_open_ended(const BoundRange& bounds) const {
    const bool begins_after_all_times =
        is_integer(key_.type) && key_.encoding && is_endless(bounds.lower);
    return is_endless(bounds.upper) && !begins_after_all_times;
}

std::string KeyCodec::text(Position position) const {
    if (counts())
        return number_text(position);
    if (position == minus_infinity)
        return "-infinity";
    return position == plus_infinity ? "infinity" : to_text(position.time());
}

std::string KeyCodec::range_text(const Slot& slot) const {
    return text(slot.lower) + " to " + text(slot.upper);
}

}  // namespace ppm
