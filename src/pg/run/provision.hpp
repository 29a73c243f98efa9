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

// Its two halves. Throws if the default partition has rows of the range, which keep a partition
// from being attached, or another owner, whose constraints PostgreSQL would evaluate as the
// parent's owner.
void require_room_in_default(const ManagedParent& managed, const BoundRange& bounds);
Since attach_where_there_is_room(const ManagedParent& managed, const Partition& partition);

}  // namespace ppm
