// A CHECK constraint on a large default partition that keeps rows of the partitions that are to
// come out of it: PostgreSQL then attaches them without reading it under an ACCESS EXCLUSIVE lock.
#pragma once

#include "core/plan/planner.hpp"
#include "pg/catalog/catalog.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// Takes back what an interrupted call has left. Then, if the parent has a default partition that
// takes longer to read than a lock may be waited for, adds the constraint and has it validated,
// which keeps nobody waiting however long it takes. It covers what of the actions lies beyond the
// next slot: rows of now and of soon must still find their place. Does nothing in a transaction
// block.
void raise_fence(Session& session, const ManagedParent& managed,
                 const std::vector<Action>& actions);

// Whether there is one, as an interrupted call has left it.
bool has_fence(Session& session, const ManagedParent& managed);

// Takes it back. Throws what that throws; the next call tries again.
void lower_fence(Session& session, const ManagedParent& managed);

}  // namespace ppm
