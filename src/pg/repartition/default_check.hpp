// The CHECK constraint of a new default partition: because of it, PostgreSQL need not read the
// table under the locks of the swap.
#pragma once

#include "pg/repartition/job.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// SQL condition that is true for rows that neither another partition nor a target takes. `managed`
// has the other partitions, as they were read last.
std::string default_condition(const ManagedParent& managed, const Job& job);

// Whether the constraint still is that condition, or there is no new default partition.
bool default_check_fits(Session& session, const Job& job);

// Partitions may have come and gone since the constraint was made. Makes another one in several
// steps. None of them reads rows under a lock that writers wait for. Does nothing without a new
// default partition. Each step tries `most` times to get its lock.
void adapt_default_check(Session& session, const ManagedParent& managed, Job& job, int most);

// Inside a step, under an ACCESS EXCLUSIVE lock: drops what an interrupted call has left.
void drop_next_check(const ManagedParent& managed, const JobTarget& target);

// The name of the constraint until it replaces the old one.
inline constexpr char next_check_name[] = "ppm_move_next";

}  // namespace ppm
