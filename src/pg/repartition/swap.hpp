// The moment in which the new tables take the place of the old partitions.
#pragma once

#include "pg/records/history.hpp"
#include "pg/repartition/job.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// Inside a step, which it fills: locks everything together, makes sure that nothing has changed,
// swaps, and forgets the move. Throws MustBeginAnew if something has, or 55P03 if a lock was not to
// be had.
void swap_tables(const ManagedParent& managed, const Job& job, History& history);

}  // namespace ppm
