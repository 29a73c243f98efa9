// The moment in which the new tables take the place of the old partitions.
#pragma once

#include "pg/records/history.hpp"
#include "pg/repartition/job.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// Thrown if partitions came or went since the new default partition got its CHECK constraint.
struct OtherPartitions {};

// Runs as a whole step: takes all locks together, makes sure that nothing has changed, swaps the
// tables, and forgets the move. Throws MustBeginAnew or OtherPartitions if something has changed,
// or 55P03 after a lock timeout.
void swap_tables(const ManagedParent& managed, const Job& job, History& history);

}  // namespace ppm
