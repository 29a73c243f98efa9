// Moves rows of a table without a unique key to another table.
#pragma once

#include "pg/repartition/job.hpp"

namespace ppm {

// Runs inside a step, under a lock that keeps writers out. Moves the rows of a range of keys from
// one table to another. Neither triggers nor foreign keys fire, because the rows stay what they
// are. If the target's constraints or indexes have code of the owner, it runs as the owner. Returns
// the number of rows.
std::int64_t move_rows(const ManagedParent& managed, RelationId source, RelationId target,
                       const BoundRange& bounds);

}  // namespace ppm
