// CALL ppm.repartition() and CALL ppm.abandon(): a move from its beginning to its end, or back.
#pragma once

#include "pg/records/history.hpp"
#include "pg/repartition/job.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// Moves the parent's rows that lie in the range, or goes on with the move that there is. `from` and
// `to` are values of the key, as SQL writes them.
void repartition(Session& session, History& history, Oid parent,
                 const std::optional<std::string>& from, const std::optional<std::string>& to);

// Takes back what a move has begun. Returns whether there was one.
bool abandon_move(Session& session, History& history, Oid parent);

}  // namespace ppm
