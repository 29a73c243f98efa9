// The launcher's side of its workers: one at a time, each for one thing in one database.
#pragma once

#include "core/deadline.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/schedule/shared.hpp"

namespace ppm {

// Ends the process if a signal asked for that. Called wherever the launcher waits. May ereport.
void attend_to_signals();

// Called if a visit takes longer than expected; says whether it may go on. May ereport.
enum class AfterThat { go_on, end };
using Late = AfterThat (*)(Oid database);

// Has a worker make the visit and waits for its end. The worker is terminated if the launcher ends.
// `late` is called once if it takes longer than `expected`. Throws PostgresError.
VisitResult carry_out(const Visit& visit, std::chrono::milliseconds expected, Late late);

}  // namespace ppm
