#include "pg/bridge/deadlock_watch.hpp"

#include "pg/bridge/spi.hpp"

namespace ppm {

namespace {

// A session's own SET can hardly lower the value: only a superuser may.
constexpr char settings_query[] =
    "SELECT split_part(c, '=', 2) FROM pg_db_role_setting s, unnest(s.setconfig) AS c "
    "WHERE c LIKE 'deadlock\\_timeout=%'";

// PostgreSQL's default, in case a setting of the session's role or database hides the server's.
constexpr int default_deadlock_timeout = 1000;

TimeoutId timeout_id = MAX_TIMEOUTS;
int interval_of_checks = 0;

// Runs in a signal handler. Makes a lock wait check for a deadlock (ProcSleep() in proc.c); without
// a wait, the next one resets the flag.
void check_again() {
    CheckDeadLockAlert();
    enable_timeout_after(timeout_id, interval_of_checks);
}

}  // namespace

int deadlock_check_interval(int as_set) {
    int shortest = std::min(as_set, default_deadlock_timeout);
    for (const std::string& text : query(settings_query).values<std::string>()) {
        int value = 0;
        if (call([&] { return parse_int(text.c_str(), &value, GUC_UNIT_MS, nullptr); }))
            shortest = std::min(shortest, value);
    }
    return std::max(shortest / 3, 1);
}

DeadlockWatch::DeadlockWatch(int interval) {
    interval_of_checks = interval;
    call([] {
        if (timeout_id == MAX_TIMEOUTS)
            timeout_id = RegisterTimeout(USER_TIMEOUT, check_again);
        enable_timeout_after(timeout_id, interval_of_checks);
    });
}

int DeadlockWatch::longest_wait_elsewhere() {
    return std::max(interval_of_checks / 3, 1);
}

DeadlockWatch::~DeadlockWatch() {
    call_in_destructor([] { disable_timeout(timeout_id, false); });
}

}  // namespace ppm
