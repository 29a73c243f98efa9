// Plans the moves of detached tables into the archive.
#pragma once

#include "core/plan/planner.hpp"

namespace ppm {

// Adds the moves into the archive to the plan, which is otherwise complete. If nothing can be moved
// there, no partition that would have to be moved is detached.
void plan_archive(const Parent& parent, const Lookups& lookups, Plan& plan);

}  // namespace ppm
