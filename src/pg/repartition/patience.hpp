// How often a move asks for a lock that others hold.
#pragma once

#include "pg/run/report.hpp"
#include "pg/run/session.hpp"

namespace ppm {

inline constexpr int usual_attempts = 3;

// Runs body() as a step, again if others held a lock for too long.
template <typename Body>
void step_with_patience(Session& session, Body body, int most = usual_attempts) {
    constexpr std::chrono::milliseconds shortest_pause{100};
    for (int attempt = 1;; ++attempt) {
        try {
            return session.step(body);
        } catch (const Error& error) {
            if (!is_lock_failure(error) || attempt == most)
                throw;
        }
        session.leave_room(std::chrono::milliseconds{lock_timeout()},
                           shortest_pause * std::min(attempt, 10));
    }
}

}  // namespace ppm
