// Drops a partition in the worker's transaction that detaches it.
#pragma once

#include "pg/records/ledger.hpp"
#include "pg/run/worker_protocol.hpp"

namespace ppm {

Removal removal_of(const WorkerRequest& request);

// Whether the partition's name is still its own.
bool bears_its_name(const WorkerRequest& request);

// Drops the table that this transaction has detached. The transaction still holds its lock, so
// nobody can have changed the table. Returns whether the table is gone. If not, for whatever
// reason, the detach stands, and the session's next step drops the table or reports why it cannot.
bool drop_at_once(const WorkerRequest& request, const WorkerSettings& settings,
                  const std::string& path);

}  // namespace ppm
