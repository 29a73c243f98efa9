// Where what is detached goes.
#pragma once

#include "core/plan/planner.hpp"

namespace ppm {

// Adds to the plan, which has all else already, the moves into the archive. Where nothing can be
// moved there, nothing that should be is detached.
void plan_archive(const Parent& parent, const Lookups& lookups, Plan& plan);

}  // namespace ppm
