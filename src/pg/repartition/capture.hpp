// Which rows of the sources are written while they are being copied: triggers on each of them note
// their keys, and later write to the new tables, too.
#pragma once

#include "pg/repartition/job.hpp"
#include "pg/repartition/shape.hpp"

namespace ppm {

// All of these run inside a step.

// Makes the table that notes keys.
void create_log(const ManagedParent& managed, const Job& job, const MatchingKey& key);
void drop_log(const Job& job, const Deadline& deadline);

// Its table; InvalidOid if there is none any more.
Oid log_relation_of(const Job& job);

enum class Capture { log, write_through };

// Has the sources' triggers do so, which waits for those who write to them at the moment. The
// sources are locked (SHARE ROW EXCLUSIVE) until the transaction ends.
void lock_sources(const ManagedParent& managed, const Job& job);
void set_capture(const ManagedParent& managed, Job& job, Capture capture);

// Takes the triggers away from a source that is locked; one that is gone has none.
void drop_capture(Oid source, const Deadline& deadline);

// Whether a change of the source can have gone unnoticed. Empty: none; or else what happened, as a
// predicate.
std::string change_of(const ManagedParent& managed, const JobSource& source);

}  // namespace ppm
