// Executes the half of the plan that removes what lies outside the window.
//
// A removal goes through these states, and at each of them a crash leaves something that the next
// call finishes:
//
//     attached ──1──> detach pending ──2──> detached ──3──> dropped
//
// 1 also writes the row of ppm.detached. A call that finds a detach pending finishes it (FINALIZE).
// A detached table is kept, or attached again, if that is wanted. If nothing is in the way, 3
// happens in the transaction of 2.
#pragma once

#include "pg/run/run.hpp"

namespace ppm {

extern const Task cleanup;

}  // namespace ppm
