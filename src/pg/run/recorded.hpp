// Records the failures of calls that are about one table.
#pragma once

#include "pg/records/history.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// Records the failure in ppm.history, if the caller may manage the table. Throws nothing: the first
// error is the one to report.
void record_failure(Session& session, History& history, RelationId relation, const char* action,
                    const Error& failed);

// Runs body(). Records an error before it throws it on, because the error ends the call.
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
