// The launcher's side of its workers: one at a time, each for one thing in one database.
#pragma once

#include "core/deadline.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/schedule/shared.hpp"

namespace ppm {

// Ends the process if that was asked for. The launcher does so wherever it waits. May ereport.
void attend_to_signals();

// Has a worker do it and waits for its end, which it is told to come to if the launcher ends.
// `late` is called once if it has not ended within that time. Throws PostgresError.
Finding carry_out(const Visit& visit, std::chrono::milliseconds expected, void (*late)(Oid));

}  // namespace ppm
