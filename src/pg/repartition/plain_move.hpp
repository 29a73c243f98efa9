// Rows of a table without a unique key change their table.
#pragma once

#include "pg/repartition/job.hpp"

namespace ppm {

// Inside a step, under a lock that keeps writers off. Takes the rows of a range of keys out of one
// table and puts them into another: as what they are, so neither a trigger nor a foreign key fires.
// What code of the owner's the constraints and indexes of the other table have runs as he. Returns
// how many rows.
std::int64_t move_rows(const ManagedParent& managed, RelationId source, RelationId target,
                       const BoundRange& bounds);

}  // namespace ppm
