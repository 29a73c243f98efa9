#include "pg/bridge/scope.hpp"

namespace ppm {

Subtransaction::Subtransaction() : context_{CurrentMemoryContext}, owner_{CurrentResourceOwner} {
    call([this] {
        BeginInternalSubTransaction(nullptr);
        MemoryContextSwitchTo(context_);
    });
}

Subtransaction::~Subtransaction() {
    if (!open_)
        return;
    call_in_destructor([this] {
        RollbackAndReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(context_);
        CurrentResourceOwner = owner_;
    });
}

void Subtransaction::commit() {
    call([this] {
        ReleaseCurrentSubTransaction();
        MemoryContextSwitchTo(context_);
        CurrentResourceOwner = owner_;
    });
    open_ = false;
}

UserContext::UserContext(Oid role) {
    GetUserIdAndSecContext(&role_, &security_context_);
    SetUserIdAndSecContext(
        role, security_context_ | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

UserContext::~UserContext() {
    SetUserIdAndSecContext(role_, security_context_);
}

LocalSettings::LocalSettings() : nest_level_{NewGUCNestLevel()} {}

LocalSettings::~LocalSettings() {
    call_in_destructor([this] { AtEOXact_GUC(false, nest_level_); });
}

void LocalSettings::set(const char* name, const char* value) {
    call([=] {
        set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    });
}

void LocalSettings::set_as_superuser(const char* name, const char* value) {
    call([=] {
        set_config_option(name, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    });
}

SuspendedStatementTimeout::SuspendedStatementTimeout() {
    if (!get_timeout_active(STATEMENT_TIMEOUT))
        return;
    // Stays in range even if the clock was set meanwhile.
    remaining_ =
        std::clamp<TimestampTz>(get_timeout_finish_time(STATEMENT_TIMEOUT) - GetCurrentTimestamp(),
                                1000, TimestampTz{INT_MAX} * 1000);
    call([] { disable_timeout(STATEMENT_TIMEOUT, false); });
}

SuspendedStatementTimeout::~SuspendedStatementTimeout() {
    if (remaining_)
        call_in_destructor([this] {
            enable_timeout_after(STATEMENT_TIMEOUT, static_cast<int>(*remaining_ / 1000));
        });
}

StatementTimeout::StatementTimeout(int milliseconds) {
    call([=] { enable_timeout_after(STATEMENT_TIMEOUT, milliseconds); });
}

StatementTimeout::~StatementTimeout() {
    call_in_destructor([] {
        disable_timeout(STATEMENT_TIMEOUT, true);
        // A timeout that fired too late to be noticed must not cancel the next statement.
        if (get_timeout_indicator(STATEMENT_TIMEOUT, true))
            QueryCancelPending = false;
    });
}

RoleContext::RoleContext(Oid role, const std::string& path, int milliseconds)
    : user_{role}, timeout_{milliseconds} {
    settings_.set("search_path", path.c_str());
}

namespace {

std::vector<SessionLock*> session_locks;
int scopes_of_transaction = 0;

}  // namespace

SessionLock::SessionLock(const LOCKTAG& tag, LOCKMODE mode, Waits waits) : tag_{tag}, mode_{mode} {
    session_locks.push_back(this);
    try {
        holder_ = call([this, waits] {
            return LockAcquire(&tag_, mode_, true, waits == Waits::no) == LOCKACQUIRE_NOT_AVAIL
                       ? Holder::nobody
                       : Holder::session;
        });
    } catch (...) {
        std::erase(session_locks, this);
        throw;
    }
}

SessionLock::~SessionLock() {
    std::erase(session_locks, this);
    if (holder_ == Holder::session)
        call_in_destructor([this] { LockRelease(&tag_, mode_, true); });
}

// The session already holds these locks, so acquiring them again neither waits nor fails.
LocksOfTransaction::LocksOfTransaction() {
    call([] {
        if (scopes_of_transaction > 0)
            return;
        for (SessionLock* const each : session_locks)
            if (each->holder_ == SessionLock::Holder::session) {
                LockAcquire(&each->tag_, each->mode_, false, true);
                LockRelease(&each->tag_, each->mode_, true);
                each->holder_ = SessionLock::Holder::transaction;
            }
    });
    ++scopes_of_transaction;
}

LocksOfTransaction::~LocksOfTransaction() {
    if (--scopes_of_transaction > 0)
        return;
    call_in_destructor([] {
        for (SessionLock* const each : session_locks)
            if (each->holder_ == SessionLock::Holder::transaction) {
                LockAcquire(&each->tag_, each->mode_, true, true);
                each->holder_ = SessionLock::Holder::session;
            }
    });
}

AdvisoryLock::AdvisoryLock(Oid relation, Lifetime lifetime, Of of) {
    LOCKTAG tag{};
    // The SQL functions use 1 and 2 for the last field (lockfuncs.c).
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0x70706d, relation, static_cast<std::uint16_t>(of));
    if (lifetime == Lifetime::scope)
        lock_.emplace(tag, ExclusiveLock, SessionLock::Waits::yes);
    else
        call([&] { LockAcquire(&tag, ExclusiveLock, false, false); });
}

WorkMemory::WorkMemory(const char* name) : before_{CurrentMemoryContext} {
    context_ = call([=] {
        return AllocSetContextCreateInternal(CurrentMemoryContext, name, ALLOCSET_DEFAULT_SIZES);
    });
    MemoryContextSwitchTo(context_);
}

WorkMemory::~WorkMemory() {
    MemoryContextSwitchTo(before_);
    MemoryContextDelete(context_);
}

void WorkMemory::reset() {
    MemoryContextReset(context_);
}

}  // namespace ppm
