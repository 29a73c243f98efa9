// What the steps of a conversion have in common.
#pragma once

#include "pg/records/history.hpp"
#include "pg/run/report.hpp"
#include "pg/run/run_lock.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// Runs body(), which takes steps of the session. After a lock timeout or a deadlock, tries again,
// three times in all, with pauses for others. The last error names the holders of the locks.
template <typename Body>
void retry(Session& session, History& history, const std::vector<Oid>& relations, Body body) {
    constexpr int attempts = 3;
    constexpr std::chrono::milliseconds shortest_pause{100};
    for (int attempt = 1;; ++attempt) {
        history.begin_action();
        try {
            return body();
        } catch (const Error& error) {
            if (!is_lock_failure(error))
                throw;
            if (attempt == attempts)
                throw PpmError{error.sqlstate(), error.message() + session.read([&] {
                                   return lock_holders(relations);
                               }),
                               error.detail(), error.hint()};
        }
        session.leave_room(history.elapsed(), shortest_pause * attempt);
    }
}

}  // namespace ppm
