#include "pg/bridge/deadlock_watch.hpp"

#include "pg/bridge/guard.hpp"
#include "pg/catalog/scan.hpp"

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

// That of a list of settings, `name=value`; `none` if it is not in the list. May ereport.
int shortest_in(Datum list, int none) {
    constexpr std::string_view name = "deadlock_timeout=";
    Datum* settings = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(list), TEXTOID, -1, false, TYPALIGN_INT, &settings,
                      nullptr, &count);
    for (int i = 0; i < count; ++i) {
        const char* const setting = TextDatumGetCString(settings[i]);
        int value = 0;
        if (std::string_view{setting}.starts_with(name) &&
            parse_int(setting + name.size(), &value, GUC_UNIT_MS, nullptr))
            return value;
    }
    return none;
}

// The shortest of `shortest` and what ALTER DATABASE and ALTER ROLE have set for anybody. (A
// session's own SET can hardly lower the value: only a superuser may.) May ereport.
int shortest_for_any_role(int shortest) {
    const Relation settings = table_open(DbRoleSettingRelationId, AccessShareLock);
    any_row(settings, [&](TupleTableSlot* slot) {
        bool is_null = false;
        const Datum list = slot_getattr(slot, Anum_pg_db_role_setting_setconfig, &is_null);
        if (!is_null)
            shortest = std::min(shortest, shortest_in(list, shortest));
        return false;
    });
    table_close(settings, AccessShareLock);
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
