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
bool is_text(KeyType type);

// A partition key: its type, and how it tells time where the type does not say that.
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

// Whether a key of that type can tell time so.
bool can_tell_time(KeyType type, KeyEncoding encoding);

// A time zone's rules. The server's own are in pg/catalog/time_zone.hpp; tests bring theirs.
class TimeZone {
  public:
    virtual ~TimeZone() = default;

    // The instant of a civil time. One that a change of the clock skips is the first instant after
    // the gap; one that comes twice is whichever PostgreSQL's AT TIME ZONE takes. Never decreases
    // as `time` grows.
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

    // The bound that an edge of the grid has, of civil times one between calendar_begin and
    // calendar_end: MINVALUE or MAXVALUE past the ends of the type. Never decreases as `position`
    // grows; two edges may share a bound (a day that a zone skipped; before 1970 for a uuid).
    Bound encode(Position position) const;

    // The smallest key of an instant: where the key has civil time, that of the zone. Of a key that
    // tells time.
    Bound encode(Instant instant) const;

    // What the clocks of the zone show.
    LocalTime civil(Instant instant) const { return zone_->civil(instant); }

    // That of a key which tells instants in the same zone.
    KeyCodec of_instants() const { return {KeyType::timestamptz, *zone_}; }

    // The position of any bound: minus_infinity and plus_infinity for MINVALUE, MAXVALUE, the
    // infinities, and what lies past the last year that std::chrono can tell (32767).
    Position decode(Bound bound) const;

    // The bound that stands for all those between which no valid key lies: two bounds are the same
    // edge if and only if their canonical forms are equal.
    Bound canonical(Bound bound) const;
    BoundRange canonical(const BoundRange& bounds) const {
        return {canonical(bounds.lower), canonical(bounds.upper)};
    }

    // Whether encode() gives the bound of that very position: a uuid can tell no time before 1970.
    bool can_tell(Position position) const;

    // Whether a row's key may tell no time although the key is one that does: see below.
    bool may_tell_no_time() const;

    // Whether a row's key tells a time: a uuid of another version than 7 does not, whatever its
    // first bits are, and a text that is no ULID does not.
    bool tells_time(Bound value) const;

    // The same of a partition's bound. One that stands for no key at all does, and so does one that
    // is an end for everything, like the largest uuid.
    bool is_time(Bound bound) const;

    // Whether a partition that ends there ends about when the grid does, or before: one for
    // everything that is to come has no end of its own, whether that is written as MAXVALUE,
    // infinity, or the largest value there is.
    bool is_end(Bound upper) const;

    // A position, a bound and a range as messages show them: `2026-11-22 to 2026-11-23`, or
    // `1000000 to 2000000`.
    std::string text(Position position) const;
    std::string text(Bound bound) const { return text(decode(bound)); }
    std::string range_text(const Slot& slot) const;
    std::string range_text(const BoundRange& bounds) const {
        return range_text({decode(bounds.lower), decode(bounds.upper)});
    }

  private:
    Bound of_number(Position position) const;
    Bound within_type(std::optional<std::int64_t> number, bool is_late) const;

    Key key_;
    const TimeZone* zone_;
};

}  // namespace ppm
