// The server's time zones.
#pragma once

#include "core/key/key.hpp"
#include "pg/bridge/postgres.hpp"

namespace ppm {

// A stored timestamptz (finite) as an instant, and back.
Instant to_instant(TimestampTz stored);
TimestampTz to_stored(Instant instant);

// A civil time as a stored timestamp, infinities included.
Timestamp to_stored(Position time);

// A time zone with PostgreSQL's own rules for it. The rules stay loaded for the session's life, so
// this is a value.
class ServerTimeZone final : public TimeZone {
  public:
    // The zone of a name in pg_timezone_names, in any case. Nothing for any other text, even for a
    // POSIX specification: as one, a misspelt name would pass for a zone. May throw PostgresError.
    static std::optional<ServerTimeZone> named(const std::string& name);

    Instant instant(LocalTime time) const override;
    LocalTime civil(Instant instant) const override;

    // For PostgreSQL's own functions.
    pg_tz* rules() const { return zone_; }

  private:
    explicit ServerTimeZone(pg_tz* zone) : zone_{zone} {}

    std::chrono::seconds offset_at(Instant instant) const;
    Instant last_change_until(Instant instant) const;

    pg_tz* zone_;
};

}  // namespace ppm
