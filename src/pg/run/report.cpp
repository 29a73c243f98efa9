#include "pg/run/report.hpp"

#include "core/text.hpp"
#include "pg/bridge/messages.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/run/plan.hpp"

namespace ppm {

namespace {

struct DoneNames {
    Done done;
    const char* action;
    const char* participle;
};

// In the order of the enumeration.
constexpr std::array done_names{
    DoneNames{Done::created, "create", "created"},
    DoneNames{Done::attached, "attach", "attached"},
    DoneNames{Done::finished_detaching, "finalize", "finished detaching"},
    DoneNames{Done::detached, "detach", "detached"},
    DoneNames{Done::dropped, "drop", "dropped"},
    DoneNames{Done::repartitioned, "repartition", "repartitioned"},
    DoneNames{Done::converted, "convert", "converted the table into"},
    DoneNames{Done::taken_back, "abandon", "undid the conversion of the table into"},
    DoneNames{Done::archived, "archive", "archived"},
    DoneNames{Done::called, "", "called a hook for"},
};

// Limits messages, so that none of them fills the log, the history, or the memory.
constexpr int max_message_bytes = 2000;
constexpr std::size_t max_lines = 200;

std::string clipped(const std::string& text, int bytes) {
    if (text.size() <= static_cast<std::size_t>(bytes))
        return text;
    const int length = call([&] {
        return pg_mbcliplen(text.c_str(),
                            static_cast<int>(std::min<std::size_t>(text.size(), INT_MAX)), bytes);
    });
    return text.substr(0, static_cast<std::size_t>(length)) + "...";
}

// Makes the text one line, whatever a name or a message contains: it must neither pass for another
// line nor move a terminal's cursor.
std::string one_line(std::string text) {
    const auto is_control = [](char each) {
        return static_cast<unsigned char>(each) < ' ' || each == '\x7f';
    };
    std::ranges::replace_if(text, is_control, ' ');
    // The other control characters, U+0080 to U+009F.
    if (GetDatabaseEncoding() == PG_UTF8)
        for (std::size_t i = 1; i < text.size(); ++i)
            if (text[i - 1] == '\xc2' && static_cast<unsigned char>(text[i]) < 0xa0)
                text[i - 1] = text[i] = ' ';
    return text;
}

// The function that raised the error, and where in it, as PostgreSQL's context says: user functions
// run in the middle of ppm's statements. Empty if the error comes from the statement itself.
std::string function_that_raised(const Error& error) {
    const auto* const raised = dynamic_cast<const PostgresError*>(&error);
    const std::string context = raised == nullptr ? "" : raised->context();
    for (std::size_t begin = 0; begin < context.size();) {
        const std::size_t end = std::min(context.find('\n', begin), context.size());
        std::string line = context.substr(begin, end - begin);
        if (line.find("unction ") != std::string::npos && !line.starts_with("SQL statement"))
            return line;
        begin = end + 1;
    }
    return {};
}

// Whether code did something that a security-restricted context forbids.
bool is_restriction(const Error& error) {
    return error.sqlstate() == ERRCODE_INSUFFICIENT_PRIVILEGE &&
           error.message().find("security-restricted") != std::string::npos;
}

void warn(const std::string& message, const std::string& detail, const std::string& hint) {
    call([&] { tell(WARNING, ERRCODE_WARNING, message.c_str(), detail.c_str(), hint.c_str()); });
}

}  // namespace

CompletedAction::CompletedAction(Done done, const ManagedParent& managed, std::string in_schema,
                                 std::string name, const BoundRange& held)
    : table{managed.parent.configuration.name()},
      action{done_names[static_cast<std::size_t>(done)].action},
      participle{done_names[static_cast<std::size_t>(done)].participle},
      schema_name{std::move(in_schema)},
      partition{std::move(name)},
      bounds{shown_bounds(managed, held)},
      range{range_text(managed, held)} {}

CompletedAction::CompletedAction(Done done, const ManagedParent& managed, const Partition& existing)
    : CompletedAction{done, managed, existing.schema_name, existing.name, existing.bounds} {}

std::string CompletedAction::message() const {
    return participle + " partition " + in_quotes(schema_name + "." + partition) + " for " + range;
}

void announce(const CompletedAction& completed) {
    announce(completed.message());
}

void announce(const std::string& message) {
    call([&] { tell(NOTICE, ERRCODE_SUCCESSFUL_COMPLETION, message.c_str()); });
}

std::string range_text(const ManagedParent& managed, const BoundRange& bounds) {
    return codec_of(managed).range_text(bounds);
}

Failure failure_of(const Configuration& configuration, const std::string& action,
                   const Anomaly& anomaly, int sqlstate) {
    return {.table = configuration.name(),
            .partition = anomaly.partition,
            .relation = 0,
            .action = action,
            .bounds = {},
            .sqlstate = sqlstate,
            .message = one_line(anomaly.detail) + " (" + std::string{name_of(anomaly.code)} + ")",
            .hint = one_line(anomaly.hint),
            .is_about_clock = anomaly.code == AnomalyCode::clock_jump};
}

Failure failure_of(const Configuration& configuration, const std::string& action,
                   const Error& error) {
    std::string message = error.message();
    if (const std::string detail = error.detail(); !detail.empty())
        message += ": " + detail;
    if (const std::string function = function_that_raised(error); !function.empty())
        message += ", in " + function;
    return {.table = configuration.name(),
            .partition = {},
            .relation = 0,
            .action = action,
            .bounds = {},
            .sqlstate = error.sqlstate(),
            .message = one_line(clipped(message, max_message_bytes)) + " (SQLSTATE " +
                       sqlstate_text(error.sqlstate()) + ")",
            .hint = one_line(clipped(error.hint(), max_message_bytes))};
}

Failure failure_of(const ManagedParent& managed, const Action& action, const Error& error) {
    Failure failure = failure_of(managed.parent.configuration, std::string{name_of(action)}, error);
    const Subject subject = subject_of(action);
    failure.relation = subject.relation;
    failure.partition = subject.name;
    failure.bounds = shown_bounds(managed, bounds_of(action));
    // On PostgreSQL 18 and later FINALIZE fails for good if the parent got a column after the
    // detach began: generate_partition_qual() maps the columns of both.
    if (std::holds_alternative<FinalizeDetach>(action) &&
        error.sqlstate() == ERRCODE_DATATYPE_MISMATCH)
        failure.hint =
            "PostgreSQL cannot finish the detach of a partition that lacks a column of "
            "its table. Copy its rows with CREATE TABLE ... AS, then drop it.";
    // PostgreSQL's own advice is CASCADE.
    if (error.sqlstate() == ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST)
        failure.hint = "Drop what depends on it, or keep it: set cleanup_policy to detach.";
    if (is_restriction(error))
        failure.hint =
            "Code that runs in the middle of ppm's statements is restricted, as it is in REFRESH "
            "MATERIALIZED VIEW: it cannot use temporary tables, deferred triggers or another role. "
            "Change that function, or have it skip ppm's statements.";
    else if (error.sqlstate() == ERRCODE_INSUFFICIENT_PRIVILEGE && failure.hint.empty())
        failure.hint = "It is done as the table's owner: grant that role what is missing.";
    return failure;
}

std::string sqlstate_text(int sqlstate) {
    return call([=] { return unpack_sql_state(sqlstate); });
}

namespace {

// $2 is the parent. Tables below it are left out, except the default partition: of the parent's
// partitions only that one is locked.
constexpr char lock_holders_query[] = R"(
    WITH RECURSIVE tied AS (
        SELECT unnest($1) AS oid
        UNION SELECT partdefid FROM pg_partitioned_table WHERE partrelid = ANY ($1) AND partdefid <> 0
        UNION SELECT confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY ($1)
        UNION SELECT conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid = ANY ($1)),
    tree AS (
        SELECT oid FROM tied WHERE oid <> $2
        UNION SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)
    SELECT string_agg(who, ', ') FROM (
        SELECT DISTINCT coalesce('process ' || l.pid || coalesce(' (' || nullif(a.application_name, '') || ')', ''),
                                 'prepared transaction "' || p.gid || '"') AS who
        FROM pg_locks l
        LEFT JOIN pg_stat_activity a ON a.pid = l.pid
        -- A prepared transaction has no process, but its own number locked.
        LEFT JOIN (pg_locks x JOIN pg_prepared_xacts p ON p.transaction = x.transactionid)
               ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' AND x.virtualtransaction = l.virtualtransaction
        WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND (l.relation = $2 OR l.relation IN (SELECT oid FROM tree))
        ORDER BY 1 LIMIT 20) AS holders)";

// The processes that DETACH waits for. VACUUM does not count. $1 is how long it has waited.
constexpr char snapshot_holders_query[] =
    "SELECT string_agg(who, ', ') FROM (SELECT 'process ' || pid || "
    "coalesce(' (' || nullif(application_name, '') || ')', '') AS who FROM pg_stat_activity "
    "WHERE backend_xmin IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type <> 'autovacuum worker' "
    "AND xact_start < clock_timestamp() - $1 * interval '1 microsecond' "
    "ORDER BY age(backend_xmin) DESC LIMIT 20) AS holders";

}  // namespace

std::string lock_holders(const std::vector<Oid>& relations, std::optional<Oid> parent) {
    const auto holders = query(lock_holders_query, {oid_array_parameter(relations),
                                                    oid_parameter(parent.value_or(InvalidOid))})
                             .value<std::optional<std::string>>();
    return holders ? "; locks are held by " + *holders : "";
}

std::string snapshot_holders(std::chrono::microseconds waited) {
    const auto holders = query(snapshot_holders_query, {bigint_parameter(waited.count())})
                             .value<std::optional<std::string>>();
    return holders ? "; older snapshots are held by " + *holders : "";
}

void warn(const Configuration& configuration, const Anomaly& anomaly) {
    warn("ppm cannot manage table " + in_quotes(configuration.qualified_name()) + " as configured",
         anomaly.detail, anomaly.hint);
}

void warn_of(const Configuration& configuration, const std::vector<Anomaly>& anomalies) {
    const Anomaly& first = anomalies.front();
    const std::string message = "table " + in_quotes(configuration.qualified_name()) + ": " +
                                std::string{name_of(first.code)};
    if (anomalies.size() == 1)
        warn(message, first.detail, first.hint);
    else
        warn(message,
             first.detail + " And " + std::to_string(anomalies.size() - 1) + " more of these.",
             "SELECT * FROM ppm.check(); shows them all.");
}

void warn_of_policy(const std::string& partition, const Error& error) {
    warn("a policy was not copied to partition " + in_quotes(partition), error.message(),
         "Its rows can be reached through the partitioned table.");
}

void raise_failures(int sqlstate, const std::string& message, const std::vector<Failure>& failures,
                    const std::string& closing_hint) {
    std::string detail;
    std::string hint;
    std::set<std::string> said;  // the phases of a call may find the same
    if (closing_hint.find("Call the procedure again") != std::string::npos)
        said.insert("Call the procedure again.");
    const std::size_t most = max_lines + said.size();
    const auto add = [&said](std::string& text, const std::string& line) {
        if (!line.empty() && said.insert(line).second)
            text += line + "\n";
    };
    for (const Failure& failure : failures) {
        if (said.size() >= most) {
            add(detail,
                "There is more, which ppm.history has unless this was a transaction block.");
            break;
        }
        add(detail,
            one_line(
                "table " + in_quotes(failure.table.qualified()) +
                (failure.partition.empty() ? "" : ", partition " + in_quotes(failure.partition)) +
                ": " + failure.message));
        add(hint, failure.hint);
    }
    detail.pop_back();
    throw PpmError{sqlstate, message, detail, hint + closing_hint};
}

bool ends_the_call(const Error& error) {
    const auto* const raised = dynamic_cast<const PostgresError*>(&error);
    return raised != nullptr && raised->is_cancel();
}

bool is_timeout(const Error& error) {
    const auto* const raised = dynamic_cast<const PostgresError*>(&error);
    return raised != nullptr && raised->sqlstate() == ERRCODE_QUERY_CANCELED &&
           !raised->is_cancel();
}

bool is_lock_failure(const Error& error) {
    return error.sqlstate() == ERRCODE_LOCK_NOT_AVAILABLE ||
           error.sqlstate() == ERRCODE_T_R_DEADLOCK_DETECTED;
}

bool is_reference_failure(const Failure& failure) {
    return failure.sqlstate == ERRCODE_FOREIGN_KEY_VIOLATION;
}

bool stops_the_table(const Error& error) {
    const auto* const raised = dynamic_cast<const PostgresError*>(&error);
    return error.sqlstate() == ERRCODE_CONNECTION_FAILURE ||
           // Exactly this: no worker is free.
           error.sqlstate() == ERRCODE_INSUFFICIENT_RESOURCES ||
           error.sqlstate() == ERRCODE_ADMIN_SHUTDOWN ||
           error.sqlstate() == ERRCODE_CRASH_SHUTDOWN ||
           (raised != nullptr && raised->is_cancel_elsewhere());
}

}  // namespace ppm
