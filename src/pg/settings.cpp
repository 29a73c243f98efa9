#include "pg/settings.hpp"

#include "core/text.hpp"
#include "pg/guard.hpp"
#include "pg/sqlstate.hpp"
#include "pg/time_zone.hpp"

namespace ppm {

namespace {

int lock_timeout_milliseconds = 300;
int statement_timeout_milliseconds = 3000;
int history_retention_minutes = 90 * 24 * 60;
char* work_date = nullptr;

void define_timeout(const char* name, const char* what, int* variable) {
    DefineCustomIntVariable(name, what, nullptr, variable, *variable, 1, INT_MAX, PGC_USERSET,
                            GUC_UNIT_MS, nullptr, nullptr, nullptr);
}

}  // namespace

void define_settings() {
    define_timeout("ppm.lock_timeout", "How long a statement of ppm waits for a lock.",
                   &lock_timeout_milliseconds);
    define_timeout("ppm.statement_timeout", "How long a statement of ppm may take.",
                   &statement_timeout_milliseconds);

    // Not for everybody: who calls ppm cannot make it forget what it did for him.
    DefineCustomIntVariable("ppm.history_retention",
                            "How long ppm.history remembers; -1 is for ever.", nullptr,
                            &history_retention_minutes, history_retention_minutes, -1, INT_MAX,
                            PGC_SUSET, GUC_UNIT_MIN, nullptr, nullptr, nullptr);

    // Without a check hook: PostgreSQL would replace a wrong value that was set before the library
    // was loaded by the default, which is today. A call refuses it instead.
    DefineCustomStringVariable(
        "ppm.work_date", "The date (YYYY-MM-DD) that ppm takes for today; empty for the real one.",
        nullptr, &work_date, "", PGC_USERSET, 0, nullptr, nullptr, nullptr);

    reserve_setting_prefix("ppm");
}

int lock_timeout() {
    return lock_timeout_milliseconds;
}

int statement_timeout() {
    return statement_timeout_milliseconds;
}

int history_retention() {
    return history_retention_minutes;
}

int deadlock_timeout_for(int wait) {
    return std::min(DeadlockTimeout, std::max(wait / 2, 1));
}

Clock::Clock() : now_{to_instant(GetCurrentTimestamp())} {
    const std::string_view text = work_date == nullptr ? "" : work_date;
    if (text.empty())
        return;
    work_date_ = parse_date(text);
    if (!work_date_)
        throw PpmError{errcode_invalid_work_date,
                       "invalid value for ppm.work_date: " + in_quotes(text),
                       "The work date is a date from 0001-01-01 to 9999-12-31, written YYYY-MM-DD.",
                       "Correct it, or RESET ppm.work_date to work with today's date."};
}

Date Clock::today(const TimeZone& zone) const {
    return work_date_ ? *work_date_ : real_today(zone);
}

Date Clock::real_today(const TimeZone& zone) const {
    return std::chrono::floor<std::chrono::days>(real_now(zone));
}

LocalTime Clock::real_now(const TimeZone& zone) const {
    return zone.civil(now_);
}

Instant Clock::now(const TimeZone& zone) const {
    return work_date_ ? zone.instant(*work_date_) : now_;
}

}  // namespace ppm
