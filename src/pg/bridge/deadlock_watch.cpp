#include "pg/bridge/deadlock_watch.hpp"

#include "pg/bridge/guard.hpp"
#include "pg/bridge/role_settings.hpp"

namespace ppm {

namespace {

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

// The shortest of `shortest` and what ALTER DATABASE and ALTER ROLE have set for anybody. (A
// session's own SET can hardly lower the value: only a superuser may.) May ereport.
int shortest_for_any_role(int shortest) {
    List* const settings = role_settings_named("deadlock_timeout");
    for (int i = 0; i < list_length(settings); ++i) {
        int value = 0;
        if (parse_int(static_cast<const RoleSetting*>(list_nth(settings, i))->value, &value,
                      GUC_UNIT_MS, nullptr))
            shortest = std::min(shortest, value);
    }
    return shortest;
}

}  // namespace

int deadlock_check_interval(int as_set) {
    const int shortest =
        call([=] { return shortest_for_any_role(std::min(as_set, default_deadlock_timeout)); });
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
