// What calls that are about one table say and record when they fail.
#pragma once

#include "pg/records/history.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// Records the failure in ppm.history, if the caller may manage the table. Throws nothing: what
// failed first is what is said.
void record_failure(Session& session, History& history, RelationId relation, const char* action,
                    const Error& failed);

// Runs body(), and records what fails before it is said: the call ends with it.
template <typename Body>
auto recorded(Session& session, History& history, RelationId relation, const char* action,
              Body body) {
    try {
        return body();
    } catch (const Error& error) {
        record_failure(session, history, relation, action, error);
        throw;
    }
}

}  // namespace ppm
