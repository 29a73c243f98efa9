#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/grid/calendar.hpp"
#include "core/key/bound.hpp"
#include "core/key/encoding.hpp"
#include "core/key/position.hpp"

namespace ppm {

enum class KeyType { date, timestamp, timestamptz, uuid, smallint, integer, bigint, text, varchar };

// The SQL name of the type.
std::string_view name_of(KeyType type);

bool is_integer(KeyType type);
// A text key holds ULIDs: no other encoding is supported for it (type_supports_encoding()).
bool is_text(KeyType type);

// A partition key: its type and its encoding, which is empty for times, UUIDv7 and keys that count.
struct Key {
    constexpr Key(KeyType of_type) : type{of_type} {}
    Key(KeyType of_type, std::optional<KeyEncoding> encoded_as, const Snowflake& as = {})
        : type{of_type}, encoding{encoded_as}, snowflake{as} {}

    KeyType type;
    std::optional<KeyEncoding> encoding;
    Snowflake snowflake = {};  // only where that is the encoding

    bool operator==(const Key&) const = default;

    // Whether its values are just numbers; all others tell time.
    bool counts() const { return is_integer(type) && !encoding; }
};

// Whether a key of that type may have the encoding.
bool type_supports_encoding(KeyType type, KeyEncoding encoding);

// A time zone's rules. The server's own are in pg/catalog/time_zone.hpp; tests bring theirs.
class TimeZone {
  public:
    virtual ~TimeZone() = default;

    // The instant of a civil time. A time that a change of the clock skips becomes the first
    // instant after the gap. A time that comes twice becomes the instant that PostgreSQL's AT TIME
    // ZONE takes. Never decreases as `time` grows.
    virtual Instant instant(LocalTime time) const = 0;

    virtual LocalTime civil(Instant instant) const = 0;
};

// How one parent's key writes positions: its type and encoding, in the parent's time zone. Refers
// to the zone, which must outlive it.
class KeyCodec {
  public:
    KeyCodec(const Key& key, const TimeZone& zone) : key_{key}, zone_{&zone} {}

    const Key& key() const { return key_; }
    KeyType type() const { return key_.type; }
    bool counts() const { return key_.counts(); }

    // The partition bound for a slot's edge: MINVALUE or MAXVALUE past the ends of the type. For
    // keys that tell time, `position` lies between calendar_begin and calendar_end. Never decreases
    // as `position` grows; two edges may share a bound (a day that a zone skipped; before 1970 for
    // a UUIDv7 or a ULID).
    Bound encode(Position position) const;

    // The smallest key of an instant; if the key has civil time, in the zone. Only for keys that
    // tell time.
    Bound encode(Instant instant) const;

    // What the clocks of the zone show.
    LocalTime civil(Instant instant) const { return zone_->civil(instant); }

    // The codec of a key that tells instants in the same zone.
    KeyCodec of_instants() const { return {KeyType::timestamptz, *zone_}; }

    // The position of any bound: minus_infinity and plus_infinity for MINVALUE, MAXVALUE, the
    // infinities, and what lies past the last year that std::chrono can tell (32767).
    Position decode(Bound bound) const;

    // The one bound that stands for all bounds with no valid key between them: two bounds are the
    // same edge if and only if their canonical forms are equal.
    Bound canonical(Bound bound) const;
    BoundRange canonical(const BoundRange& bounds) const {
        return {canonical(bounds.lower), canonical(bounds.upper)};
    }

    // False if encode() has to move `position` into the range of the key: a UUIDv7 or a ULID has
    // no time before 1970.
    bool is_in_range(Position position) const;

    // Whether a row's key may have no time in it although the key tells time: see has_time().
    bool may_lack_time() const;

    // Whether a row's key has a time in it. A uuid of another version than 7 has none, whatever its
    // first bits are; neither has a text that is not a ULID.
    bool has_time(Bound value) const;

    // The same for a partition's bound. A bound below or above all keys counts as a time, e.g. the
    // largest uuid.
    bool is_time_bound(Bound bound) const;

    // Whether a partition with these bounds takes everything to come: its upper bound is MAXVALUE,
    // infinity, the largest value of the type, or a time long after the calendar's end. False for a
    // partition of integers that begins after all times: a wrong encoding leaves it behind.
    bool is_open_ended(const BoundRange& bounds) const;

    // A position, a bound and a range as messages show them: `2026-11-22 to 2026-11-23`, or
    // `1000000 to 2000000`.
    std::string text(Position position) const;
    std::string text(Bound bound) const { return text(decode(bound)); }
    std::string range_text(const Slot& slot) const;
    std::string range_text(const BoundRange& bounds) const {
        return range_text({decode(bounds.lower), decode(bounds.upper)});
    }

  private:
    bool is_endless(Bound bound) const;
    Bound of_number(Position position) const;
    Bound within_type(std::optional<std::int64_t> number, bool is_late) const;

    Key key_;
    const TimeZone* zone_;
};

}  // namespace ppm
