// A CHECK constraint on a large default partition that keeps out rows of coming partitions. So
// PostgreSQL attaches them without reading the default partition under an ACCESS EXCLUSIVE lock.
#pragma once

#include "core/plan/planner.hpp"
#include "pg/catalog/catalog.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// Drops a constraint that an interrupted call has left. Then, if reading the default partition
// takes longer than ppm.lock_timeout, adds the constraint and validates it, which blocks nobody
// however long it takes. The constraint covers partitions beyond the next slot only: rows of now
// and of soon must still find their place. Does nothing in a transaction block.
void raise_fence(Session& session, const ManagedParent& managed,
                 const std::vector<Action>& actions);

// Whether an interrupted call has left a constraint.
bool has_fence(Session& session, const ManagedParent& managed);

// Drops the constraint. If that fails, throws; the next call tries again.
void lower_fence(Session& session, const ManagedParent& managed);

}  // namespace ppm
