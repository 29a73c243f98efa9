#include "pg/run/run_lock.hpp"

namespace ppm {

namespace {

LOCKTAG run_all_tag() {
    LOCKTAG tag{};
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0x70706d, 0, 5);
    return tag;
}

}  // namespace

RunLock::RunLock(Session& session, Oid relation, AdvisoryLock::Of of, const std::string& table) {
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
                       std::string{"another call of ppm is "} +
                           (of == AdvisoryLock::Of::move ? "moving rows of " : "at work on ") +
                           table};
    }
}

RunAllMark::RunAllMark() : lock_{run_all_tag(), ShareLock, SessionLock::Waits::no} {}

bool RunAllMark::is_elsewhere() {
    const LOCKTAG tag = run_all_tag();
    return LockAcquire(&tag, ExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL;
}

}  // namespace ppm
