// Executes the half of the plan that fills the window.
#pragma once

#include "pg/run/run.hpp"

namespace ppm {

extern const Task provision;

// The table that is to be the partition, with all that it has before it is attached. Inside a step
// that has locked the parent.
RelationId create_table(const ManagedParent& managed, const CreatePartition& create);

// Attaches it, in the same step: Statement::attach_new, or attach_filled. Returns what
// lock_together() does.
Since attach_created(const ManagedParent& managed, const CreatePartition& create,
                     RelationId relation, Statement attach = Statement::attach_new);

// Attaches a table that ppm detached, with the bounds that it had, and forgets that it was
// detached. Inside a step that has locked the parent. Returns what lock_together() does.
Since attach_again(const ManagedParent& managed, const Partition& partition);

}  // namespace ppm
