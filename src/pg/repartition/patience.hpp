// How often a move asks for a lock that others hold.
#pragma once

#include "pg/run/report.hpp"
#include "pg/run/session.hpp"

namespace ppm {

inline constexpr int usual_attempts = 3;

// A serialization failure: a schema was renamed, or its privileges were changed, after the step
// took its only snapshot. Only another transaction can lock that schema.
inline bool is_passing(const Error& error) {
    return is_lock_failure(error) || error.sqlstate() == ERRCODE_T_R_SERIALIZATION_FAILURE;
}

// Runs body() as a step, and tries again after a lock timeout or a deadlock, `most` times in all.
// held() returns how long an attempt kept others waiting.
template <typename Body, typename Held>
void step_with_patience(Session& session, Body body, int most, Held held) {
    constexpr std::chrono::milliseconds shortest_pause{100};
    for (int attempt = 1;; ++attempt) {
        try {
            return session.step(body);
        } catch (const Error& error) {
            if (!is_passing(error) || attempt == most)
                throw;
        }
        session.leave_room(held(), shortest_pause * std::min(attempt, 10));
    }
}

// The same if a failed attempt kept others waiting only while it waited for its lock.
template <typename Body>
void step_with_patience(Session& session, Body body, int most = usual_attempts) {
    step_with_patience(session, body, most,
                       [] { return std::chrono::milliseconds{lock_timeout()}; });
}

}  // namespace ppm
