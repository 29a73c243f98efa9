// Moves rows of a table without a unique key. Nothing tells a changed row from another, so each
// slot's rows leave the default partition in one transaction.
#pragma once

#include "core/plan/move.hpp"
#include "pg/records/history.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// Moves the rows of the default partition, a partition at a time. Writers to the default partition
// wait meanwhile, for ppm.statement_timeout at most. Throws PpmError if that is not enough, or if
// the plan has other sources.
void move_without_key(Session& session, History& history, const ManagedParent& managed,
                      const MovePlan& plan);

}  // namespace ppm
