// What the steps of a conversion have in common.
#pragma once

#include "pg/history.hpp"
#include "pg/report.hpp"
#include "pg/session.hpp"

namespace ppm {

// Keeps other calls off the relation, to the end of the scope. Waits for ppm.lock_timeout at most.
class OthersKeptOff {
  public:
    OthersKeptOff(Session& session, Oid relation) {
        session.step([] {});
        try {
            session.step([&] { lock_.emplace(relation, AdvisoryLock::Lifetime::scope); });
        } catch (const Error& error) {
            if (error.sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE)
                throw;
            throw PpmError{ERRCODE_LOCK_NOT_AVAILABLE,
                           "another call of ppm is at work on the table"};
        }
    }

  private:
    std::optional<AdvisoryLock> lock_;
};

// Runs body(), steps of the session's, again if a lock was not to be had: three times in all, and
// with room for the others between them. Then says who has the locks.
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
