// Waits for transactions that see the database as it was.
#pragma once

#include "pg/run/session.hpp"

namespace ppm {

// Waits, without any lock or snapshot, until no session in this database has a snapshot from before
// the call. Announces which processes it waits for. Only a cancel ends the wait early: it lasts as
// long as the longest report. Calls meanwhile() about once a second.
void wait_for_snapshots_of_others(Session& session, const std::function<void()>& meanwhile);

}  // namespace ppm
