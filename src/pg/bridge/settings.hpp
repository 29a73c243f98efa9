// The settings ppm.*, and the clock that one of them can turn.
#pragma once

#include "core/check/anomaly.hpp"
#include "core/deadline.hpp"
#include "core/grid/calendar.hpp"
#include "core/key/key.hpp"
#include "pg/bridge/postgres.hpp"

namespace ppm {

// Defines the settings. Only from _PG_init().
void define_settings();

// ppm.lock_timeout and ppm.statement_timeout, in milliseconds, never zero.
int lock_timeout();
int statement_timeout();

// How many rows ppm.repartition() copies in one transaction, and how long it pauses after each, in
// milliseconds.
int batch_rows();
int batch_pause();

// For how many milliseconds it may lock everybody out of a table, at its end.
int swap_limit();

// For how many milliseconds a function of ppm.hooks may run.
int hook_timeout();

// ppm.history_retention, in minutes; negative keeps everything.
int history_retention();

// ppm.schedule_databases, as names: the databases in which the server calls run_all() by itself.
// `*` stands for all. Empty if there are none.
std::vector<std::string> schedule_databases();

// ppm.schedule_interval.
std::chrono::minutes schedule_interval();

// ppm.schedule_role, or an empty text for the extension's owner.
const char* schedule_role();

// The deadlock_timeout, in milliseconds, for lock waits of at most `wait`: at most half of that. An
// autovacuum that holds the lock is cancelled only after deadlock_timeout (ProcSleep() in proc.c).
int deadlock_timeout_for(int wait);

// The time of a call: the same for all its parents, apart from their time zones.
class Clock {
  public:
    // Throws PM007 if ppm.work_date is neither a date nor one with a time of day.
    Clock();

    // ppm.work_date as civil time of `zone`, a date being its first instant; if not set, now.
    Instant now(const TimeZone& zone) const;

    // When the call began, whatever ppm.work_date says.
    Instant real_now() const { return now_; }

    // real_now() and the time that has passed since: nobody can set it during the call.
    Instant monotonic_now() const;

    // The anomaly that ppm.work_date is set, and not by the session itself: somebody left it
    // behind. Reads pg_settings once, and only if it is set. Needs an SpiConnection. Throws
    // PostgresError.
    const std::optional<Anomaly>& left_behind() const;

  private:
    Instant now_;
    Deadline::Clock::time_point begun_ = Deadline::Clock::now();
    std::optional<LocalTime> work_date_;
    mutable std::optional<std::optional<Anomaly>> left_behind_;
};

}  // namespace ppm
