// Executes the half of the plan that removes what lies outside the window.
//
// A removal goes through these states, and at each of them a crash leaves something that the next
// call finishes:
//
//     partition ──record──> intent in ppm.detached ──detach──> pending ──> detached ──drop──> gone
//                            (pruned, if nothing        (finalized)      (kept, or attached again)
//                             came of it)
#pragma once

#include "pg/run/run.hpp"

namespace ppm {

extern const Task cleanup;

}  // namespace ppm
