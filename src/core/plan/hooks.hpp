// Whose functions are called before and after the steps of a plan.
#pragma once

#include "core/plan/planner.hpp"

namespace ppm {

// Adds the calls to the plan, which has all else already.
void plan_hooks(const Parent& parent, Plan& plan);

}  // namespace ppm
