#include "pg/run/run_lock.hpp"

namespace ppm {

RunLock::RunLock(Session& session, Oid relation, AdvisoryLock::Of of) {
    const auto lifetime =
        session.atomic() ? AdvisoryLock::Lifetime::transaction : AdvisoryLock::Lifetime::scope;
    // The first step ends the snapshot that the caller looked with.
    session.step([] {});
    try {
        session.step([&] { lock_.emplace(relation, lifetime, of); });
    } catch (const Error& error) {
        if (error.sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE)
            throw;
        throw PpmError{ERRCODE_LOCK_NOT_AVAILABLE,
                       of == AdvisoryLock::Of::move
                           ? "another call of ppm is moving rows of the table"
                           : "another call of ppm is at work on the table"};
    }
}

}  // namespace ppm
