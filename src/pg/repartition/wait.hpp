// Waiting for those who see the database as it was.
#pragma once

#include "pg/run/session.hpp"

namespace ppm {

// Waits, holding no lock and no snapshot, until nobody in this database has a snapshot that was
// taken before the call; says who is waited for. There is no limit to that but a cancel: it takes
// as long as the longest report does.
void wait_for_snapshots_of_others(Session& session);

}  // namespace ppm
