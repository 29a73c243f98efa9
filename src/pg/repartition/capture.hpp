// Captures which rows of the sources are written while they are being copied. Triggers on each
// source note the keys, and later write to the new tables, too.
#pragma once

#include "pg/repartition/job.hpp"
#include "pg/repartition/shape.hpp"

namespace ppm {

// All of these run inside a step.

// Creates the table that the keys are noted in.
void create_log(const ManagedParent& managed, const Job& job, const MatchingKey& key);
void drop_log(const Job& job, const Deadline& deadline);

// Its table; InvalidOid if there is none any more.
Oid log_relation_of(const Job& job);

enum class Capture { log, write_through };

// Makes the sources' triggers log or write through. lock_sources() comes first: it waits for
// current writers, and locks the sources (SHARE ROW EXCLUSIVE) until the transaction ends.
void lock_sources(const ManagedParent& managed, const Job& job);
void set_capture(const ManagedParent& managed, Job& job, Capture capture);

// Drops the triggers of a source, which must be locked. Does nothing if the source is gone.
void drop_capture(Oid source, const Deadline& deadline);

// Why a change of the source may have gone unnoticed, as a predicate. Empty if none has.
std::string change_of(const ManagedParent& managed, const JobSource& source);

}  // namespace ppm
