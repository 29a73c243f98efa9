// A move of rows, as the tables ppm.move, ppm.move_source, ppm.move_target, ppm.move_broken and
// ppm.log_OID record it. Each step is recorded in its own transaction, together with what it did,
// so that any call can go on from there.
//
// All of these run inside a step, unless they say otherwise, and write as ppm's owner.
#pragma once

#include "core/plan/move.hpp"
#include "pg/catalog/catalog.hpp"

namespace ppm {

enum class MovePhase { preparing, copying, indexing, replaying, waiting, abandoning };

std::string_view name_of(MovePhase phase);

struct JobSource {
    Partition partition;
    bool is_default;
    std::string version;  // empty until changes are captured
    std::int64_t blocks = 0;
    std::int64_t next_block = 0;
};

struct JobTarget {
    int number;
    std::string name;  // its final name
    BoundRange bounds;
    bool is_default;
    Oid relation;   // InvalidOid until it is created
    Oid key_index;  // of the matching key
    bool indexed;
};

struct Job {
    Oid parent;
    MovePhase phase;
    std::optional<std::string> from;
    std::optional<std::string> to;
    std::vector<std::string> key_columns;
    std::string version;            // of the parent
    std::string default_condition;  // SQL; empty without a new default partition
    std::vector<JobSource> sources;
    std::vector<JobTarget> targets;
    std::int64_t rows_done = 0;
    std::int64_t rows_estimated = 0;

    std::vector<Partition> source_partitions() const;
    std::vector<Oid> source_relations() const;
    std::vector<Oid> target_relations() const;

    // The name of a target until it is a partition, and the name of the table that notes the keys
    // of rows that are written meanwhile.
    std::string temporary_name(const JobTarget& target) const;
    std::string log_name() const;
};

// The move of the table, if there is one. Needs what a query needs. If the parent is no longer
// valid, `type` is missing and the sources and targets get no bounds; ppm.abandon() needs none.
std::optional<Job> read_job(Oid parent, std::optional<KeyType> type);

// Whether there is one. The extension's objects may be older.
bool has_job(Oid parent);

void write_job(const ManagedParent& managed, const Job& job);
void set_phase(const Job& job, MovePhase phase);
void set_default_condition(const Job& job, const std::string& condition);
void set_target(const Job& job, const JobTarget& target);
void set_captured(const Job& job, const JobSource& source);
void add_progress(const Job& job, const JobSource& source, std::int64_t next_block,
                  std::int64_t rows);
void forget_job(Oid parent);

// Why the move must begin anew, if it must. Needs what a query needs.
std::optional<std::string> broken_reason(Oid parent);

// Called in somebody's transaction, for a change that could not be noted or written. May ereport.
void mark_broken(Oid parent, const char* reason);

// Whether there is such a mark. In a SERIALIZABLE transaction this does not count as a read. May
// ereport.
bool is_marked_broken(Oid parent);

}  // namespace ppm
