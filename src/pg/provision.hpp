// Executes the create half of the plan.
#pragma once

#include "pg/session.hpp"

namespace ppm {

// Creates the missing partitions of every configured parent, or of the one whose table is
// `relation`. Goes on past every failure and throws PM004 at the end if there was one.
void provision(Session& session, std::optional<Oid> relation);

}  // namespace ppm
