// Executes the half of the plan that fills the window.
#pragma once

#include "pg/run/run.hpp"

namespace ppm {

extern const Task provision;

// Attaches a table that ppm detached, with the bounds that it had, and forgets that it was
// detached. Inside a step that has locked the parent. Returns what lock_together() does.
Since attach_again(const ManagedParent& managed, const Partition& partition);

}  // namespace ppm
