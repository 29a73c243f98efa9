// The calls of hooks before and after the steps of a plan.
#pragma once

#include "core/plan/planner.hpp"

namespace ppm {

// Adds the calls to the plan, which is otherwise complete.
void plan_hooks(const Parent& parent, Plan& plan);

}  // namespace ppm
