// Copies the rows of a range of pages to the new tables they belong in, in one pass.
#pragma once

#include "pg/repartition/job.hpp"

namespace ppm {

// Copies the source's rows in pages `from` to `to` - 1, as the table's owner. Leaves out a row
// whose unique key the target has already. Returns the number of copied rows. Sets `has_stranger`,
// and stops, at a row that belongs in none of the targets. The caller holds locks that keep all
// tables as they are. Throws PostgresError, among others what a constraint of a target says.
//
// Works like the apply worker of logical replication (ExecSimpleRelationInsert() in
// execReplication.c), but inserts rows by the page, as COPY does: one INSERT for each target would
// read all pages once for each.
std::int64_t copy_rows(const ManagedParent& managed, const Job& job, const JobSource& source,
                       std::int64_t from, std::int64_t to, bool& has_stranger);

}  // namespace ppm
