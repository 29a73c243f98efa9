// One call at a time works on a table.
#pragma once

#include "pg/run/session.hpp"

namespace ppm {

// Keeps other calls of the same kind off the table for as long as it lives; in a transaction block,
// to the end of that. Waits for ppm.lock_timeout at most, without a snapshot, for which the other
// call might wait. `table` is what the error calls the table: its name, unless the error becomes
// part of a line that has it.
class RunLock {
  public:
    RunLock(Session& session, Oid relation, AdvisoryLock::Of of = AdvisoryLock::Of::partitions,
            const std::string& table = "the table");

  private:
    std::optional<AdvisoryLock> lock_;
};

// Says that all tables of the database are being worked on, for as long as it lives. Keeps nobody
// off: whoever calls by hand is to be served.
class RunAllMark {
  public:
    RunAllMark();

    // Whether another session has one. For the rest of the transaction no new one can be had, which
    // is nothing to those who do without. May ereport.
    static bool is_elsewhere();

  private:
    SessionLock lock_;
};

}  // namespace ppm
