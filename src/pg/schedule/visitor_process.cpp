// The process of a worker that the launcher has started: it looks into one database, calls
// run_all() there, or records that this could not be done.
#include "core/text.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/records/history.hpp"
#include "pg/run/run_lock.hpp"
#include "pg/run/top_level.hpp"
#include "pg/schedule/shared.hpp"

extern "C" {
PGDLLEXPORT void ppm_scheduled_main(Datum number);
}

namespace ppm {

namespace {

// The visit that this process was started for. A later launcher ignores its answer.
int visit_number = 0;

void answer(const VisitResult& finding) {
    SharedSchedule& shared = *shared_schedule();
    if (shared.visit_number == visit_number)
        shared.finding = finding;
}

void answer_failure(int sqlstate, const char* message, const char* detail, const char* hint) {
    SharedSchedule& shared = *shared_schedule();
    if (shared.visit_number != visit_number)
        return;
    set_text(shared.finding.failure, sqlstate, message, detail, hint);
    shared.finding.kind = VisitResult::Kind::failed;
}

// Whether the warning was not logged before, by an FNV-1a hash.
bool is_news(const char* message, const char* detail) {
    std::uint64_t hash = 0xcbf29ce484222325 ^ MyDatabaseId;
    for (const char* text : {message, detail})
        for (; text != nullptr && *text != '\0'; ++text)
            hash = (hash ^ static_cast<unsigned char>(*text)) * 0x100000001b3;
    SharedSchedule& shared = *shared_schedule();
    if (std::ranges::find(shared.said, hash) != shared.said.end())
        return false;
    shared.said[shared.next_said++ % shared.said.size()] = hash;
    return true;
}

// The launcher logs errors, once, even those that end this process. A run repeats its warnings
// every time: logging them once is enough.
bool is_wanted(const LogEntry& entry) {
    if (entry.level == ERROR || entry.level == FATAL) {
        answer_failure(entry.sqlstate, entry.message, entry.detail, entry.hint);
        return false;
    }
    return entry.level != WARNING || is_news(entry.message, entry.detail);
}

// The launcher waits for this process before it looks at the next database.
constexpr char longest_lock_wait[] = "1s";

// Runs body() in a transaction that depends on nobody's settings and waits for no lock for long.
template <typename Body>
void in_transaction(Body body) {
    call([] {
        SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_SESSION);
        SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET,
                        PGC_S_SESSION);
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
    });
    with_queries([&] {
        LocalSettings settings;
        settings.set("search_path", pinned_path);
        settings.set("lock_timeout", longest_lock_wait);
        body();
    });
    call(CommitTransactionCommand);
}

// The role that is to call: by name, or the owner of the extension.
Oid caller(const char* name) {
    if (*name == '\0')
        return query("SELECT extowner FROM pg_extension WHERE extname = 'ppm'").value<Oid>();
    const auto found = query("SELECT oid, rolcanlogin FROM pg_roles WHERE rolname = $1",
                             {text_parameter(std::string{name})})
                           .first<Oid, bool>();
    if (!found)
        throw PpmError{ERRCODE_UNDEFINED_OBJECT,
                       "role " + in_quotes(name) + " of ppm.schedule_role does not exist",
                       {},
                       "Create it, or correct ppm.schedule_role and reload the configuration."};
    const auto [role, can_login] = *found;
    if (workers_need_login && !can_login)
        throw PpmError{
            ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
            "role " + in_quotes(name) + " of ppm.schedule_role is not permitted to log in",
            {},
            "Give it LOGIN with ALTER ROLE. PostgreSQL 17 and later do not need that."};
    return role;
}

// The earliest last call of all tables and both procedures. Nothing if one was never called.
constexpr char last_call_query[] =
    "SELECT CASE WHEN count(*) = count(r.at) THEN min(r.at) END "
    "FROM ppm.config AS c CROSS JOIN (VALUES ('provision'), ('cleanup')) AS p(procedure) "
    "LEFT JOIN ppm.last_run AS r ON (r.schema_name, r.table_name, r.procedure) = "
    "(c.schema_name, c.table_name, p.procedure)";

void look(const Visit& visit) {
    VisitResult finding{};
    in_transaction([&] {
        if (query("SELECT FROM pg_extension WHERE extname = 'ppm'").count() == 0) {
            finding.kind = VisitResult::Kind::no_extension;
            return;
        }
        finding.role = caller(NameStr(visit.role_name));
        const UserContext owner{owner_of_ppm()};
        if (call(RunAllMark::is_elsewhere)) {
            finding.kind = VisitResult::Kind::busy;
            return;
        }
        const auto last_call = query(last_call_query).value<std::optional<TimestampTz>>();
        finding.kind = VisitResult::Kind::found;
        finding.last_call = last_call.value_or(finding.last_call);
        finding.has_last_call = last_call && !TIMESTAMP_NOT_FINITE(*last_call);
    });
    answer(finding);
}

// Runs like any session, except for the log.
void call_run_all() {
    call([] {
        SetCurrentStatementStartTimestamp();
        StartTransactionCommand();
        MemoryContextSwitchTo(TopMemoryContext);
        execute_top_level("CALL ppm.run_all()", CMDTAG_CALL);
        CommitTransactionCommand();
    });
    VisitResult finding{};
    finding.kind = VisitResult::Kind::done;
    answer(finding);
}

void record(const Complaint& failure) {
    in_transaction([&] {
        History history;
        history.record_not_called(
            PpmError{failure.sqlstate, failure.message, failure.detail, failure.hint});
    });
    VisitResult finding{};
    finding.kind = VisitResult::Kind::done;
    answer(finding);
}

void perform(const Visit& visit) {
    // Connects as the superuser, except for the call: a session that only switches to the role
    // could become the superuser again.
    const bool calls = visit.kind == Visit::Kind::call;
    call([&] {
        connect_worker(visit.database, calls ? visit.role : InvalidOid);
        SetConfigOption("client_encoding", GetDatabaseEncodingName(), PGC_SUSET, PGC_S_SESSION);
    });
    if (visit.kind == Visit::Kind::look)
        look(visit);
    else if (calls)
        call_run_all();
    else
        record(visit.failure);
}

void serve(int number) {
    const SharedSchedule* const shared = shared_schedule();
    if (shared == nullptr || shared->visit_number != number)
        return;
    visit_number = number;
    const Visit visit = shared->visit;
    filter_log(is_wanted);
    call([] {
        pqsignal(SIGTERM, die);
        pqsignal(SIGHUP, SignalHandlerForConfigReload);
        BackgroundWorkerUnblockSignals();
    });
    try {
        // Turns ppm's errors into PostgreSQL errors, too.
        call([&] { boundary([&] { perform(visit); }); });
    } catch (const PostgresError& error) {
        call(AbortOutOfAnyTransaction);
        answer_failure(error.sqlstate(), error.message().c_str(), error.detail().c_str(),
                       error.hint().c_str());
    }
}

}  // namespace

}  // namespace ppm

void ppm_scheduled_main(Datum number) {
    ppm::boundary([number] { ppm::serve(DatumGetInt32(number)); });
}
