// Between civil time and the values of a partition key.
#pragma once

#include <string_view>

#include "core/bound.hpp"
#include "core/calendar.hpp"
#include "core/uuidv7.hpp"

namespace ppm {

enum class KeyType { date, timestamp, timestamptz, uuid };

// The SQL name of the type.
std::string_view name_of(KeyType type);

// A time zone's rules. The server's own are in pg/time_zone.hpp; tests bring theirs.
class TimeZone {
  public:
    virtual ~TimeZone() = default;

    // The instant of a civil time. One that a change of the clock skips is the first instant after
    // the gap; one that comes twice is whichever PostgreSQL's AT TIME ZONE takes. Never decreases
    // as `time` grows.
    virtual Instant instant(LocalTime time) const = 0;

    virtual LocalTime civil(Instant instant) const = 0;
};

// How one parent's key writes civil time: the type of the key in the parent's time zone. Refers to
// the zone, which must outlive it.
class KeyCodec {
  public:
    KeyCodec(KeyType type, const TimeZone& zone) : type_{type}, zone_{&zone} {}

    KeyType type() const { return type_; }

    // The bound that a slot's edge between calendar_begin and calendar_end has. Never decreases as
    // `time` grows; two edges may share a bound (a day that a zone skipped; before 1970 for a
    // uuid).
    Bound encode(LocalTime time) const;

    // The smallest key of an instant: where the key has civil time, that of the zone.
    Bound encode(Instant instant) const;

    // What the clocks of the zone show.
    LocalTime civil(Instant instant) const { return zone_->civil(instant); }

    // That of a key which tells instants in the same zone.
    KeyCodec of_instants() const { return {KeyType::timestamptz, *zone_}; }

    // The civil time of any bound: minus_infinity and plus_infinity for MINVALUE, MAXVALUE, the
    // infinities, and what lies past the last year that std::chrono can tell (32767).
    LocalTime decode(Bound bound) const;

    // The bound that stands for all those between which no valid key lies: two bounds are the same
    // edge if and only if their canonical forms are equal.
    Bound canonical(Bound bound) const;

    // Whether encode() gives the bound of that very time: a uuid can tell none before 1970.
    bool can_tell(LocalTime time) const;

    // Whether a row's key tells a time: a uuid of another version than 7 does not, whatever its
    // first bits are.
    bool tells_time(Bound key) const;

    // The same of a partition's bound. One that stands for no key at all does, and so does the
    // largest uuid, which is an end for everything.
    bool is_time(Bound bound) const;

  private:
    KeyType type_;
    const TimeZone* zone_;
};

}  // namespace ppm
