// What the worker drops in the transaction that detaches it.
#pragma once

#include "pg/records/ledger.hpp"
#include "pg/run/worker_protocol.hpp"

namespace ppm {

Removal removal_of(const WorkerRequest& request);

// Whether the partition's name is still its own.
bool bears_its_name(const WorkerRequest& request);

// Drops what this transaction has detached, under the lock that it has since: nobody can have
// changed it. Returns whether it is gone. If not, for whatever reason, the detach stands, and the
// drop is the session's next step, which says why it fails.
bool drop_at_once(const WorkerRequest& request, const WorkerSettings& settings,
                  const std::string& path);

}  // namespace ppm
