#include "pg/records/history.hpp"

#include "pg/bridge/own_objects.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/time_zone.hpp"

namespace ppm {

namespace {

// Each step is a microsecond later than the one before, so that ORDER BY at keeps their order.
#define STEPS "FROM unnest($6, $11) WITH ORDINALITY AS s(action, message, number)"

constexpr char record_statement[] =
    "INSERT INTO ppm.history (run_id, at, schema_name, table_name, partition, action, lower_bound, "
    "upper_bound, outcome, sqlstate, message, duration, executed_by, lower_value, upper_value) "
    "SELECT $1, $2 + (s.number - 1) * interval '1 microsecond', $3, $4, $5, s.action, $7, $8, $9, "
    "$10, s.message, $12 * interval '1 microsecond', $13, $14, $15 " STEPS;
constexpr char record_statement_of_1_0_0[] =
    "INSERT INTO ppm.history (run_id, at, schema_name, table_name, partition, action, lower_bound, "
    "upper_bound, outcome, sqlstate, message, duration, executed_by) "
    "SELECT $1, $2 + (s.number - 1) * interval '1 microsecond', $3, $4, $5, s.action, $7, $8, $9, "
    "$10, s.message, $12 * interval '1 microsecond', $13 " STEPS;

// Restoring a dump into a database that has gone on sets the sequence back. Earlier calls are still
// known from ppm.last_run, which pg_dump leaves out, and from the end of ppm.history.
constexpr char next_run_query[] =
    "SELECT CASE WHEN n.id > l.id THEN n.id ELSE setval('ppm.run_id', l.id + 1) END "
    "FROM (SELECT nextval('ppm.run_id') AS id) AS n, "
    "(SELECT greatest((SELECT max(run_id) FROM ppm.last_run), "
    "(SELECT run_id FROM ppm.history ORDER BY at DESC LIMIT 1), 0) AS id) AS l";

// A cleanup that was refused because of the clock must not record that clock's time. The server's
// start time means: keep the last time, if there is one.
constexpr char record_run_statement[] =
    "INSERT INTO ppm.last_run (schema_name, table_name, run_id, at, procedure, outcome) "
    "SELECT t.schema_name, t.table_name, $1, "
    "CASE WHEN t.kept = 'kept' AND p.procedure = 'cleanup' THEN pg_postmaster_start_time() "
    "ELSE least(clock_timestamp(), $7) END, p.procedure, t.outcome "
    "FROM unnest($3::name[], $4::name[], $5::text[], $6::text[]) "
    "AS t(schema_name, table_name, outcome, kept), unnest($2::text[]) AS p(procedure) "
    // Always in the same order, so that two calls at the same time do not deadlock.
    "ORDER BY 1, 2, 5 "
    "ON CONFLICT (schema_name, table_name, procedure) DO UPDATE SET "
    "run_id = greatest(last_run.run_id, excluded.run_id), "
    "at = CASE WHEN excluded.at = pg_postmaster_start_time() THEN last_run.at "
    "ELSE excluded.at END, outcome = excluded.outcome "
    // Keeps the result of a call that began later, for example that the clock was in doubt.
    "WHERE last_run.run_id <= excluded.run_id OR excluded.outcome = 'failed'";

constexpr char record_not_called_statement[] =
    "INSERT INTO ppm.last_run (schema_name, table_name, run_id, at, procedure, outcome) "
    "SELECT schema_name, table_name, $1, clock_timestamp(), 'provision', 'failed' FROM ppm.config "
    "ORDER BY 1, 2 ON CONFLICT (schema_name, table_name, procedure) DO UPDATE SET "
    "run_id = excluded.run_id, outcome = excluded.outcome";

// As many rows as a short statement can delete, without those that another call has locked. A row
// must have been old at the last cleanup, too: the clock may have jumped since.
constexpr std::size_t prune_batch = 10000;
constexpr char prune_history_statement[] =
    "DELETE FROM ppm.history WHERE ctid = ANY (ARRAY (SELECT ctid FROM ppm.history "
    "WHERE at < least(clock_timestamp(), (SELECT max(at) FROM ppm.last_run "
    "WHERE procedure = 'cleanup')) - $1 * interval '1 minute' ORDER BY at LIMIT $2 "
    "FOR UPDATE SKIP LOCKED))";

constexpr char prune_last_run_statement[] =
    "DELETE FROM ppm.last_run l WHERE NOT EXISTS (SELECT FROM ppm.config c "
    "WHERE c.schema_name = l.schema_name AND c.table_name = l.table_name)";

constexpr char last_failures_query[] =
    // Lock timeouts, other timeouts, lost workers and concurrent changes pass by themselves.
    "SELECT partition, message, coalesce(sqlstate ~ '^(55P03|55000|40|57|08|53)', false) "
    "FROM (SELECT DISTINCT ON (partition) partition, message, outcome, sqlstate "
    "FROM ppm.history WHERE schema_name = $1 AND table_name = $2 AND partition IS NOT NULL "
    "AND action IN ('create', 'detach', 'finalize', 'drop', 'attach', 'archive', 'after_create', "
    "'before_detach', 'after_detach', 'before_drop') ORDER BY partition, at DESC) AS h "
    "WHERE outcome = 'failed'";

std::chrono::microseconds since(Deadline::Clock::time_point begun) {
    return std::chrono::duration_cast<std::chrono::microseconds>(Deadline::Clock::now() - begun);
}

// One step or more of what was done to a partition, or what failed.
struct Entry {
    TimestampTz at;
    const TableName& table;
    const std::string& partition;
    std::vector<std::string> actions;
    const std::optional<ShownBounds>& bounds;
    std::optional<int> sqlstate;        // of a failure
    std::vector<std::string> messages;  // one for each action
    std::chrono::microseconds duration;
};

void insert(const Entry& entry, std::int64_t run_id, const std::string& caller) {
    const UserContext owner{owner_of_ppm()};
    const auto civil = entry.bounds ? entry.bounds->civil : std::nullopt;
    const auto value = [&](std::string ShownBounds::*edge) {
        return text_parameter(entry.bounds ? std::optional{(*entry.bounds).*edge} : std::nullopt);
    };
    const auto sqlstate =
        entry.sqlstate ? std::optional{sqlstate_text(*entry.sqlstate)} : std::nullopt;
    const auto partition = entry.partition.empty() ? std::nullopt : std::optional{entry.partition};
    execute(has_own_column("history", "lower_value") ? record_statement : record_statement_of_1_0_0,
            {bigint_parameter(run_id),
             {TIMESTAMPTZOID, TimestampTzGetDatum(entry.at), false},
             text_parameter(entry.table.schema_name),
             text_parameter(entry.table.table_name),
             text_parameter(partition),
             text_array_parameter(entry.actions),
             timestamp_parameter(civil, &Slot::lower),
             timestamp_parameter(civil, &Slot::upper),
             text_parameter(entry.sqlstate ? "failed" : "ok"),
             text_parameter(sqlstate),
             text_array_parameter(entry.messages),
             bigint_parameter(entry.duration.count()),
             text_parameter(caller),
             value(&ShownBounds::lower_value),
             value(&ShownBounds::upper_value)});
}

}  // namespace

History::History() : caller_{call([] { return GetUserNameFromId(GetUserId(), false); })} {}

void History::begin_action() {
    begun_ = Deadline::Clock::now();
}

std::chrono::microseconds History::elapsed() const {
    return since(begun_);
}

void History::begin_call() {
    if (!XactReadOnly)
        run_id();
}

std::int64_t History::run_id() {
    if (!run_id_) {
        const UserContext owner{owner_of_ppm()};
        run_id_ = query_to_change(next_run_query).value<std::int64_t>();
    }
    return *run_id_;
}

void History::record(const CompletedAction& completed) {
    insert({GetCurrentTimestamp(),
            completed.table,
            completed.partition,
            {completed.action},
            completed.bounds,
            std::nullopt,
            {completed.message()},
            elapsed()},
           run_id(), caller_);
}

void History::record(const std::vector<Failure>& failures) {
    for (const Failure& failure : failures)
        insert({failure.at,
                failure.table,
                failure.partition,
                {failure.action},
                failure.bounds,
                failure.sqlstate,
                {failure.message},
                failure.duration},
               run_id(), caller_);
}

WorkerRecord History::for_worker(const std::array<CompletedAction, 2>& steps) {
    const CompletedAction& first = steps.front();
    WorkerRecord record{run_id(), begun_, {}, {}, {}, {}, first.bounds->civil, {}, {}, {}};
    namestrcpy(&record.caller, caller_.c_str());
    namestrcpy(&record.schema_name, first.table.schema_name.c_str());
    namestrcpy(&record.table_name, first.table.table_name.c_str());
    namestrcpy(&record.partition, first.partition.c_str());
    strlcpy(record.lower_value.data(), first.bounds->lower_value.c_str(),
            record.lower_value.size());
    strlcpy(record.upper_value.data(), first.bounds->upper_value.c_str(),
            record.upper_value.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
        namestrcpy(&record.steps[i].action, steps[i].action.c_str());
        strlcpy(record.steps[i].message, steps[i].message().c_str(),
                sizeof(record.steps[i].message));
    }
    return record;
}

void write(const WorkerRecord& record, std::size_t steps) {
    const TableName table = record.table();
    const std::optional bounds{record.bounds()};
    std::vector<std::string> actions;
    std::vector<std::string> messages;
    for (const auto& step : std::span{record.steps}.first(steps)) {
        actions.emplace_back(NameStr(step.action));
        messages.emplace_back(step.message);
    }
    insert({GetCurrentTimestamp(), table, NameStr(record.partition), std::move(actions), bounds,
            std::nullopt, std::move(messages), since(record.begun)},
           record.run_id, NameStr(record.caller));
}

void History::record_run(const std::vector<std::string>& procedures,
                         const std::map<TableName, Outcome>& outcomes, Instant ended) {
    std::vector<std::string> schemas;
    std::vector<std::string> tables;
    std::vector<std::string> results;
    std::vector<std::string> kept;
    for (const auto& [table, outcome] : outcomes) {
        if (outcome.ok && outcome.kept_off)
            continue;
        schemas.push_back(table.schema_name);
        tables.push_back(table.table_name);
        results.emplace_back(outcome.ok ? "ok" : "failed");
        kept.emplace_back(outcome.clock_in_doubt ? "kept" : "set");
    }
    const std::int64_t id = run_id();
    const UserContext owner{owner_of_ppm()};
    execute(record_run_statement, {bigint_parameter(id),
                                   text_array_parameter(procedures),
                                   text_array_parameter(schemas),
                                   text_array_parameter(tables),
                                   text_array_parameter(results),
                                   text_array_parameter(kept),
                                   {TIMESTAMPTZOID, TimestampTzGetDatum(to_stored(ended)), false}});
}

void History::record_not_called(const Error& error) {
    Failure failure = failure_of(Configuration{}, "run_all", error);
    failure.table = {"ppm", "config"};
    record({std::move(failure)});
    const std::int64_t id = run_id();
    const UserContext owner{owner_of_ppm()};
    execute(record_not_called_statement, {bigint_parameter(id)});
}

bool History::prune() {
    const UserContext owner{owner_of_ppm()};
    const int minutes = history_retention();
    return minutes >= 0 &&
           execute(prune_history_statement, {{INT4OID, Int32GetDatum(minutes), false},
                                             bigint_parameter(prune_batch)}) == prune_batch;
}

void History::prune_last_run() {
    const UserContext owner{owner_of_ppm()};
    execute(prune_last_run_statement);
}

void lock_own_tables() {
    call([] {
        const Oid schema = get_namespace_oid("ppm", false);
        LockRelationOid(get_relname_relid("config", schema), AccessShareLock);
        LockRelationOid(get_relname_relid("detached", schema), RowExclusiveLock);
        LockRelationOid(get_relname_relid("history", schema), RowExclusiveLock);
        // Older versions of the extension's objects lack these tables.
        for (const char* const table : {"configured_relations", "hooks"})
            if (const Oid relation = get_relname_relid(table, schema); OidIsValid(relation))
                LockRelationOid(relation, AccessShareLock);
        for (const char* const table : {"kept", "pending_hooks"})
            if (const Oid relation = get_relname_relid(table, schema); OidIsValid(relation))
                LockRelationOid(relation, RowExclusiveLock);
    });
}

std::map<std::string, LastFailure> last_failures(const Configuration& configuration) {
    const UserContext owner{owner_of_ppm()};
    const Rows rows = query(last_failures_query, {text_parameter(configuration.schema_name),
                                                  text_parameter(configuration.table_name)});
    std::map<std::string, LastFailure> failures;
    for (auto& [partition, message, passes] : rows.as<std::string, std::string, bool>())
        failures.emplace(std::move(partition), LastFailure{std::move(message), passes});
    return failures;
}

}  // namespace ppm
