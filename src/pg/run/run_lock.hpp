// One call at a time works on a table.
#pragma once

#include "pg/run/session.hpp"

namespace ppm {

// Keeps other calls of the same kind off the table for as long as it lives; in a transaction block,
// to the end of that. Waits for ppm.lock_timeout at most, without a snapshot, for which the other
// call might wait.
class RunLock {
  public:
    RunLock(Session& session, Oid relation, AdvisoryLock::Of of = AdvisoryLock::Of::partitions);

  private:
    std::optional<AdvisoryLock> lock_;
};

}  // namespace ppm
