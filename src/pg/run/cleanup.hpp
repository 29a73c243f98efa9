// Executes the half of the plan that removes what lies outside the window.
//
// A removal goes through these states, and at each of them a crash leaves something that the next
// call finishes:
//
//     attached ──1──> detach pending ──2──> detached ──3──> dropped
//
// 1 also writes the row of ppm.detached. If nothing is in the way, 3 happens in the transaction of
// 2. A call that finds a detach pending finishes it (FINALIZE), and then drops the table, keeps it,
// or attaches it again, as its record and the configuration by then say.
#pragma once

#include "pg/run/run.hpp"

namespace ppm {

extern const Task cleanup;

}  // namespace ppm
