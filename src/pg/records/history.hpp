// ppm.history and ppm.last_run: what was done, what failed, and when ppm was last called for each
// table. Written as the owner of ppm's tables, whoever calls, so that nobody else can forge or
// erase it.
#pragma once

#include "core/check/check.hpp"
#include "core/deadline.hpp"
#include "pg/run/report.hpp"

namespace ppm {

// A worker's record of what it does to a partition for a call. The worker writes it in its own
// transaction. It is passed through shared memory.
struct WorkerRecord {
    struct Step {
        NameData action;
        char message[512];  // holds the longest names
    };

    std::int64_t run_id;
    Deadline::Clock::time_point
        begun;  // by the machine's clock: it means the same in every process
    NameData caller;
    NameData schema_name;
    NameData table_name;
    NameData partition;
    std::optional<Slot> civil_bounds;
    std::array<char, 64> lower_value;
    std::array<char, 64> upper_value;
    std::array<Step, 2> steps;  // what it may do, in this order

    TableName table() const { return {NameStr(schema_name), NameStr(table_name)}; }
    ShownBounds bounds() const { return {civil_bounds, lower_value.data(), upper_value.data()}; }
};

// Called in the worker, with the number of steps that it has done.
void write(const WorkerRecord& record, std::size_t steps);

// The history of one call of a procedure.
class History {
  public:
    // Takes the current user for the caller.
    History();

    // Starts to measure the duration of what is recorded next, by a monotonic clock.
    void begin_action();

    std::chrono::microseconds elapsed() const;

    // Numbers the call, before it reads anything: a call that begins later has a greater number.
    // Does nothing in a read-only transaction, in which nothing can be recorded.
    void begin_call();

    // These run inside a step: the action and its record are committed together, or neither is.
    void record(const CompletedAction& completed);
    void record(const std::vector<Failure>& failures);

    // The record for a worker that is to do these steps to one partition, in this order.
    WorkerRecord for_worker(const std::array<CompletedAction, 2>& steps);

    // How a call went with a table.
    struct Outcome {
        bool ok = true;
        bool clock_in_doubt = false;  // cleanup was refused: the time of the last one stays
        bool kept_off = false;        // by another call, which records what it does
    };

    // Which procedures were called, on which tables, and whether all went well with each. `ended`
    // is by the clock that the call began with, which cleanup has judged: if the clock has jumped
    // ahead since, the next cleanup must see that.
    void record_run(const std::vector<std::string>& procedures,
                    const std::map<TableName, Outcome>& outcomes, Instant ended);

    // Records a call that could not even be made: as a failure, and for each configured table that
    // its last call failed. The time of the last call stays, because nothing was done.
    void record_not_called(const Error& error);

    // Deletes some rows older than ppm.history_retention. Returns whether there may be more.
    bool prune();

    // Forgets the last calls for tables that are not configured any more.
    void prune_last_run();

  private:
    std::int64_t run_id();

    std::string caller_;
    Deadline::Clock::time_point begun_ = Deadline::Clock::now();
    std::optional<std::int64_t> run_id_;
};

// Locks ppm's own tables. A step that will write them does this before it locks anything else:
// while it waits here, others must not wait for its locks.
void lock_own_tables();

// Why the last attempt to create, attach or remove a partition of the table failed, by the
// partition's name. Has no entry for a partition whose last attempt succeeded. Needs an
// SpiConnection and a pinned search_path.
std::map<std::string, LastFailure> last_failures(const Configuration& configuration);

}  // namespace ppm
