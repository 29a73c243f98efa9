#include "pg/bridge/settings.hpp"

#include "core/text.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/bridge/sqlstate.hpp"
#include "pg/catalog/time_zone.hpp"

namespace ppm {

namespace {

int lock_timeout_milliseconds = 300;
int statement_timeout_milliseconds = 3000;
int history_retention_minutes = 90 * 24 * 60;
int batch_rows_count = 10000;
int batch_pause_milliseconds = 0;
int swap_limit_milliseconds = 1000;
int hook_timeout_milliseconds = 5 * 60 * 1000;
char* work_date = nullptr;
char* schedule_databases_list = nullptr;
int schedule_interval_minutes = 60;
char* schedule_role_name = nullptr;

// Who set the work date.
GucSource work_date_source = PGC_S_DEFAULT;

// Accepts everything: if a wrong value was set before the library was loaded, PostgreSQL would
// replace it with the default, which is today. A call refuses it instead.
bool remember_source(char**, void** extra, GucSource source) {
    *extra = allocate_for_setting(sizeof source);
    if (*extra == nullptr)
        return false;
    *static_cast<GucSource*>(*extra) = source;
    return true;
}

void assign_source(const char*, void* extra) {
    work_date_source = extra == nullptr ? PGC_S_DEFAULT : *static_cast<GucSource*>(extra);
}

struct Place {
    std::string where;
    std::string mend;
};

// Where the work date was set, and how to reset it; nothing if the session itself, or the options
// of its connection, have set it. May ereport.
std::optional<Place> place_of_work_date() {
    const auto name_of_role = [] {
        return call([] { return quote_identifier(GetUserNameFromId(GetSessionUserId(), false)); });
    };
    const auto name_of_database = [] {
        return call([] { return quote_identifier(get_database_name(MyDatabaseId)); });
    };
    using namespace std::string_literals;
    switch (work_date_source) {
        case PGC_S_SESSION:
        case PGC_S_CLIENT:
            return std::nullopt;
        case PGC_S_FILE:
            return Place{"in the server's configuration file",
                         "Remove it from postgresql.conf, or ALTER SYSTEM RESET ppm.work_date; "
                         "then SELECT pg_reload_conf();"};
        case PGC_S_DATABASE:
            return Place{"by ALTER DATABASE",
                         "ALTER DATABASE "s + name_of_database() + " RESET ppm.work_date;"};
        case PGC_S_USER:
            return Place{"by ALTER ROLE",
                         "ALTER ROLE "s + name_of_role() + " RESET ppm.work_date;"};
        case PGC_S_DATABASE_USER:
            return Place{"by ALTER ROLE ... IN DATABASE", "ALTER ROLE "s + name_of_role() +
                                                              " IN DATABASE " + name_of_database() +
                                                              " RESET ppm.work_date;"};
        case PGC_S_GLOBAL:
            return Place{"by ALTER ROLE ALL", "ALTER ROLE ALL RESET ppm.work_date;"};
        case PGC_S_ARGV:
            return Place{"on the server's command line", "Remove ppm.work_date from there."};
        default:
            return Place{"by "s + GucSource_Names[work_date_source],
                         "Remove ppm.work_date from there."};
    }
}

void define_timeout(const char* name, const char* what, int* variable) {
    DefineCustomIntVariable(name, what, nullptr, variable, *variable, 1, INT_MAX, PGC_USERSET,
                            GUC_UNIT_MS, nullptr, nullptr, nullptr);
}

// The names in a list, in PostgreSQL's memory; nothing if it is not a list. Names are as they are
// in pg_database, in double quotes if they have commas or blanks. May ereport.
std::optional<List*> names_of(const char* list) {
    List* names = NIL;
    if (!SplitGUCList(pstrdup(list), ',', &names))
        return std::nullopt;
    return names;
}

bool is_list(char** value, void**, GucSource) {
    if (names_of(*value))
        return true;
    GUC_check_errdetail(
        "List the names of databases, separated by commas. Write names with commas "
        "or blanks in double quotes.");
    return false;
}

// These are settings of the server, not of a session: the launcher works for everybody.
void define_schedule() {
    DefineCustomStringVariable("ppm.schedule_databases",
                               "The databases in which the server calls ppm.run_all() by itself; "
                               "* for all that have ppm, empty for none.",
                               "This needs ppm in shared_preload_libraries.",
                               &schedule_databases_list, "", PGC_SIGHUP, GUC_LIST_INPUT, is_list,
                               nullptr, nullptr);
    DefineCustomIntVariable(
        "ppm.schedule_interval",
        "How often the server calls ppm.run_all() in each database of ppm.schedule_databases.",
        nullptr, &schedule_interval_minutes, schedule_interval_minutes, 1, INT_MAX / 60, PGC_SIGHUP,
        GUC_UNIT_MIN, nullptr, nullptr, nullptr);
    DefineCustomStringVariable(
        "ppm.schedule_role",
        "The role that calls ppm.run_all() on schedule; empty for the owner of the extension.",
        nullptr, &schedule_role_name, "", PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
}

}  // namespace

void define_settings() {
    define_timeout("ppm.lock_timeout", "How long a statement of ppm waits for a lock.",
                   &lock_timeout_milliseconds);
    define_timeout("ppm.statement_timeout", "How long a statement of ppm may take.",
                   &statement_timeout_milliseconds);

    DefineCustomIntVariable("ppm.batch_rows", "How many rows are copied in one transaction.",
                            nullptr, &batch_rows_count, batch_rows_count, 1, INT_MAX, PGC_USERSET,
                            0, nullptr, nullptr, nullptr);
    DefineCustomIntVariable("ppm.batch_pause", "How long to pause after each batch of rows.",
                            nullptr, &batch_pause_milliseconds, batch_pause_milliseconds, 0,
                            INT_MAX, PGC_USERSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
    define_timeout("ppm.swap_limit",
                   "How long partitions may be locked when others take their place.",
                   &swap_limit_milliseconds);

    define_timeout("ppm.hook_timeout", "How long a function of ppm.hooks may take.",
                   &hook_timeout_milliseconds);

    // Only for superusers: a caller must not make ppm forget what it did for the caller.
    DefineCustomIntVariable("ppm.history_retention",
                            "How long ppm.history remembers; -1 means for ever.", nullptr,
                            &history_retention_minutes, history_retention_minutes, -1, INT_MAX,
                            PGC_SUSET, GUC_UNIT_MIN, nullptr, nullptr, nullptr);

    DefineCustomStringVariable("ppm.work_date",
                               "The date (YYYY-MM-DD, or YYYY-MM-DD HH:MM) that ppm takes for "
                               "today; empty for the real one.",
                               nullptr, &work_date, "", PGC_USERSET, 0, remember_source,
                               assign_source, nullptr);

    define_schedule();
    reserve_setting_prefix("ppm");
}

int lock_timeout() {
    return lock_timeout_milliseconds;
}

int statement_timeout() {
    return statement_timeout_milliseconds;
}

int batch_rows() {
    return batch_rows_count;
}

int batch_pause() {
    return batch_pause_milliseconds;
}

int swap_limit() {
    return swap_limit_milliseconds;
}

int hook_timeout() {
    return hook_timeout_milliseconds;
}

int history_retention() {
    return history_retention_minutes;
}

std::vector<std::string> schedule_databases() {
    std::vector<std::string> databases;
    const WorkMemory memory{"ppm schedule"};
    const std::optional<List*> names = call([] { return names_of(schedule_databases_list); });
    for (int i = 0; i < list_length(names.value_or(NIL)); ++i)
        databases.emplace_back(static_cast<const char*>(list_nth(*names, i)));
    return databases;
}

std::chrono::minutes schedule_interval() {
    return std::chrono::minutes{schedule_interval_minutes};
}

const char* schedule_role() {
    return schedule_role_name;
}

int deadlock_timeout_for(int wait) {
    return std::min(DeadlockTimeout, std::max(wait / 2, 1));
}

Clock::Clock() : now_{to_instant(GetCurrentTimestamp())} {
    const std::string_view text = work_date == nullptr ? "" : work_date;
    if (text.empty())
        return;
    work_date_ = parse_minute(text);
    if (!work_date_)
        throw PpmError{
            errcode_invalid_work_date,
            "invalid value for parameter \"ppm.work_date\": " + in_quotes(text),
            "The work date is a date from 0001-01-01 to 9999-12-31, written YYYY-MM-DD, or a "
            "minute of it, written YYYY-MM-DD HH:MM.",
            "Correct it, or RESET ppm.work_date to work with today's date."};
}

const std::optional<Anomaly>& Clock::left_behind() const {
    if (left_behind_)
        return *left_behind_;
    left_behind_.emplace();
    if (!work_date_)
        return *left_behind_;
    if (const auto place = place_of_work_date()) {
        const auto& [where, mend] = *place;
        *left_behind_ = Anomaly{AnomalyCode::work_date_set,
                                {},
                                "ppm takes " + minute_text(*work_date_) +
                                    " for today: ppm.work_date was set " + where +
                                    ", not by this session. Partitions of the real today might be "
                                    "missing.",
                                mend};
    }
    return *left_behind_;
}

Instant Clock::monotonic_now() const {
    return now_ + std::chrono::duration_cast<Instant::duration>(Deadline::Clock::now() - begun_);
}

Instant Clock::now(const TimeZone& zone) const {
    return work_date_ ? zone.instant(*work_date_) : now_;
}

}  // namespace ppm
