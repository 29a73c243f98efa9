#include "pg/catalog/time_zone.hpp"

#include "pg/bridge/guard.hpp"

namespace ppm {

namespace chrono = std::chrono;

namespace {

static_assert(postgres_epoch.count() == POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE);

pg_time_t seconds_since_1970(Instant instant) {
    return chrono::floor<chrono::seconds>(instant).time_since_epoch().count();
}

// pg_tzset() reads a name for which there is no file as a POSIX specification, which has at least
// one digit.
bool may_be_posix(const std::string& name) {
    return name.find_first_of("0123456789") != std::string::npos;
}

bool is_listed(const char* name) {
    pg_tzenum* const zones = pg_tzenumerate_start();
    bool found = false;
    for (pg_tz* zone = pg_tzenumerate_next(zones); zone != nullptr && !found;
         zone = pg_tzenumerate_next(zones))
        found = pg_strcasecmp(pg_get_timezone_name(zone), name) == 0;
    pg_tzenumerate_end(zones);
    return found;
}

// The zone that AT TIME ZONE takes for the name. If it is also an abbreviation, as CET, EET, MET
// and WET, that is a fixed offset (DecodeTimezoneName() in datetime.c). May ereport.
pg_tz* as_at_time_zone(const char* name, pg_tz* zone) {
    constexpr std::array<TimestampTz, 2> winter_and_summer{757382400 * USECS_PER_SEC,
                                                           773020800 * USECS_PER_SEC};  // 2024
    const Datum zone_name = CStringGetTextDatum(name);
    for (const TimestampTz time : winter_and_summer) {
        const auto seconds = static_cast<pg_time_t>(
            seconds_since_1970(Instant{chrono::microseconds{time} + postgres_epoch}));
        const Timestamp civil = DatumGetTimestamp(
            DirectFunctionCall2(timestamptz_zone, zone_name, TimestampTzGetDatum(time)));
        const auto east = static_cast<long>((civil - time) / USECS_PER_SEC);
        if (pg_localtime(&seconds, zone)->tm_gmtoff != east)
            return pg_tzset_offset(-east);
    }
    return zone;
}

}  // namespace

Instant to_instant(TimestampTz stored) {
    if (TIMESTAMP_NOT_FINITE(stored))
        return TIMESTAMP_IS_NOEND(stored) ? Instant::max() : Instant::min();
    return Instant{chrono::microseconds{stored} + postgres_epoch};
}

TimestampTz to_stored(Instant instant) {
    return (instant.time_since_epoch() - postgres_epoch).count();
}

Timestamp to_stored(Position time) {
    if (time == minus_infinity)
        return DT_NOBEGIN;
    if (time == plus_infinity)
        return DT_NOEND;
    // An instant at either end of PostgreSQL's range may have a civil time that is past it.
    const Timestamp stored = to_stored(Instant{time.time().time_since_epoch()});
    if (stored < MIN_TIMESTAMP)
        return DT_NOBEGIN;
    return stored < END_TIMESTAMP ? stored : DT_NOEND;
}

std::optional<ServerTimeZone> ServerTimeZone::named(const std::string& name) {
    const bool check_list = may_be_posix(name);
    pg_tz* const zone = call([&name, check_list]() -> pg_tz* {
        pg_tz* const found = pg_tzset(name.c_str());
        // Zones with leap seconds do not fit PostgreSQL's timestamps (check_timezone in
        // variable.c).
        if (found == nullptr || !pg_tz_acceptable(found) ||
            (check_list && !is_listed(name.c_str())))
            return nullptr;
        return as_at_time_zone(name.c_str(), found);
    });
    return zone == nullptr ? std::nullopt : std::optional{ServerTimeZone{zone}};
}

chrono::seconds ServerTimeZone::offset_at(Instant instant) const {
    const pg_time_t seconds = seconds_since_1970(instant);
    const pg_tm* const broken_down = pg_localtime(&seconds, zone_);
    return chrono::seconds{broken_down == nullptr ? 0 : broken_down->tm_gmtoff};
}

LocalTime ServerTimeZone::civil(Instant instant) const {
    return LocalTime{instant.time_since_epoch() + offset_at(instant)};
}

// The latest change of the clock in the days up to `instant`.
Instant ServerTimeZone::last_change_until(Instant instant) const {
    Instant last = instant - chrono::days{2};
    while (true) {
        const pg_time_t from = seconds_since_1970(last);
        long before = 0;
        long after = 0;
        int is_dst = 0;
        pg_time_t boundary = 0;
        if (pg_next_dst_boundary(&from, &before, &is_dst, &boundary, &after, &is_dst, zone_) != 1 ||
            boundary > seconds_since_1970(instant))
            return last;
        last = Instant{chrono::seconds{boundary}};
    }
}

Instant ServerTimeZone::instant(LocalTime time) const {
    const chrono::year_month_day date{chrono::floor<chrono::days>(time)};
    const chrono::hh_mm_ss clock{time - chrono::floor<chrono::days>(time)};
    pg_tm broken_down{};
    broken_down.tm_year = static_cast<int>(date.year());
    broken_down.tm_mon = static_cast<int>(unsigned{date.month()});
    broken_down.tm_mday = static_cast<int>(unsigned{date.day()});
    broken_down.tm_hour = static_cast<int>(clock.hours().count());
    broken_down.tm_min = static_cast<int>(clock.minutes().count());
    broken_down.tm_sec = static_cast<int>(clock.seconds().count());

    // Seconds west of Greenwich, as AT TIME ZONE takes them.
    const chrono::seconds west{DetermineTimeZoneOffset(&broken_down, zone_)};
    const Instant instant{time.time_since_epoch() + west};

    // A time inside a gap comes out after it, by as much as it lies inside.
    return civil(instant) == time ? instant : last_change_until(instant);
}

}  // namespace ppm
