// The messages of a call. It reports what it did at once, and collects what failed to the end, so
// that one bad table stops no other.
#pragma once

#include "core/check/anomaly.hpp"
#include "core/plan/parent.hpp"
#include "core/plan/planner.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/catalog/catalog.hpp"
#include "pg/catalog/shown_bounds.hpp"

namespace ppm {

// What was done to a partition.
enum class Done {
    created,
    attached,
    finished_detaching,
    detached,
    dropped,
    repartitioned,
    converted,   // from a plain table
    taken_back,  // to be a plain table again
    archived,
    called,  // a hook, which has its own words
};

struct CompletedAction {
    CompletedAction(Done done, const ManagedParent& managed, std::string in_schema,
                    std::string name, const BoundRange& held);
    CompletedAction(Done done, const ManagedParent& managed, const Partition& existing);

    // `created partition "public.orders_2026_11_22" for 2026-11-22 to 2026-11-23`
    std::string message() const;

    TableName table;
    std::string action;      // as ppm.history calls it
    std::string participle;  // as the message does
    std::string schema_name;
    std::string partition;
    std::optional<ShownBounds> bounds;
    std::string range;  // the bounds, for messages
};

// Says so in a NOTICE.
void announce(const CompletedAction& completed);
void announce(const std::string& message);

// `2026-11-22 to 2026-11-23`
std::string range_text(const ManagedParent& managed, const BoundRange& bounds);

// What was not done, and why.
struct Failure {
    TableName table;
    std::string partition;    // empty where it is about the table
    RelationId relation = 0;  // the partition's, if it is about one that exists
    std::string action;       // as ppm.history calls it
    std::optional<ShownBounds> bounds;
    int sqlstate;
    std::string message;  // one line, with what PostgreSQL calls the error
    std::string hint;
    bool is_another_call = false;  // which is at work on the table, and records what it does
    bool is_about_clock = false;   // PM008 alone does not tell: any function can raise it
    TimestampTz at = GetCurrentTimestamp();
    std::chrono::microseconds duration{};
};

// `sqlstate` is the SQLSTATE for the anomaly.
Failure failure_of(const Configuration& configuration, const std::string& action,
                   const Anomaly& anomaly, int sqlstate);
Failure failure_of(const Configuration& configuration, const std::string& action,
                   const Error& error);
// The failure of an action on its partition.
Failure failure_of(const ManagedParent& managed, const Action& action, const Error& error);

std::string sqlstate_text(int sqlstate);

// `; locks are held by process 123 (psql), prepared transaction "x"`: sessions that may block a
// lock on one of the relations, on their partitions, or on a table that a foreign key ties to them.
// Of `parent`'s partitions only the default one counts. Empty if there are none (any more).
std::string lock_holders(const std::vector<Oid>& relations,
                         std::optional<Oid> parent = std::nullopt);

// The same for transactions whose snapshot is older than `waited`.
std::string snapshot_holders(std::chrono::microseconds waited);

// Says at once, as a WARNING, that the parent cannot be managed.
void warn(const Configuration& configuration, const Anomaly& anomaly);

// Says at once, as one WARNING, what ppm.check() found, all of it of one code.
void warn_of(const Configuration& configuration, const std::vector<Anomaly>& anomalies);

// Says at once, as a WARNING, that a policy could not be copied to the partition.
void warn_of_policy(const std::string& partition, const Error& error);

// Raises one error for all failures, in their order. Its detail has a line for each; its hint has
// what to do about them and, last, `closing_hint`.
[[noreturn]] void raise_failures(int sqlstate, const std::string& message,
                                 const std::vector<Failure>& failures,
                                 const std::string& closing_hint);

// Whether the error must end the call at once, because somebody wants it to stop.
bool ends_the_call(const Error& error);

// Whether PostgreSQL cancelled the statement because of a timeout.
bool is_timeout(const Error& error);

// A lock timeout or a deadlock: trying again may help.
bool is_lock_failure(const Error& error);

// Whether the worker was cancelled, has ended or could not be started: then the table's next
// partition is not worth trying. Any other error concerns only the partition.
bool stops_the_table(const Error& error);

// Rows of another partition or table refer to it: it can be removed once they are gone.
bool is_reference_failure(const Failure& failure);

}  // namespace ppm
