// The settings ppm.*, and the clock that one of them can turn.
#pragma once

#include "core/calendar.hpp"
#include "core/key.hpp"
#include "pg/postgres.hpp"

namespace ppm {

// Defines the settings. Only from _PG_init().
void define_settings();

// ppm.lock_timeout and ppm.statement_timeout, in milliseconds, never zero.
int lock_timeout();
int statement_timeout();

// ppm.history_retention, in minutes; negative keeps everything.
int history_retention();

// The deadlock_timeout, in milliseconds, for waits of `wait` at most: no longer than half of it. A
// lock that an autovacuum holds is given up after deadlock_timeout to whoever waits for it
// (ProcSleep() in proc.c), not before.
int deadlock_timeout_for(int wait);

// The day on which a call works: the same for every parent of the call, but for their time zones.
class Clock {
  public:
    // Throws PM007 if ppm.work_date is not a date.
    Clock();

    // ppm.work_date, or else the date that it is now in `zone`.
    Date today(const TimeZone& zone) const;

    // The date that it is now in `zone`, whatever ppm.work_date says.
    Date real_today(const TimeZone& zone) const;

    LocalTime real_now(const TimeZone& zone) const;

    // Now, or where ppm.work_date says otherwise, that day's midnight in `zone`.
    Instant now(const TimeZone& zone) const;

  private:
    Instant now_;
    std::optional<Date> work_date_;
};

}  // namespace ppm
