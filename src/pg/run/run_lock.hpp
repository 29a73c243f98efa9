// One call at a time works on a table.
#pragma once

#include "pg/run/session.hpp"

namespace ppm {

// Keeps other calls of the same kind off the table for its lifetime or, in a transaction block,
// until the transaction ends. Waits for ppm.lock_timeout at most, without a snapshot, because the
// other call might wait for that. `table` names the table in the error message: its name, unless
// the message becomes part of a line that has it.
class RunLock {
  public:
    RunLock(Session& session, Oid relation, AdvisoryLock::Of of = AdvisoryLock::Of::partitions,
            const std::string& table = "the table");

  private:
    std::optional<AdvisoryLock> lock_;
};

// Marks, for its lifetime, that a call works on all tables of the database. Blocks nobody: manual
// calls go on.
class RunAllMark {
  public:
    RunAllMark();

    // Whether another session has the mark. For the rest of this transaction nobody can get a new
    // one, which does not matter to callers that do without. May ereport.
    static bool is_elsewhere();

  private:
    SessionLock lock_;
};

}  // namespace ppm
