// State of the session that is changed for a while and put back on every way out, by a return as by
// an exception.
#pragma once

#include "pg/bridge/guard.hpp"

namespace ppm {

// Not copyable: each of the classes below undoes one thing once.
class Scope {
  public:
    Scope() = default;
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
};

// A subtransaction, rolled back unless it is committed.
class Subtransaction : Scope {
  public:
    Subtransaction();
    ~Subtransaction();

    void commit();

  private:
    MemoryContext context_;
    ResourceOwner owner_;
    bool open_ = true;
};

// Acts as `role` in a security-restricted context: code in expressions of the role's tables runs
// with the role's rights, and cannot escape them (miscinit.c, SECURITY_RESTRICTED_OPERATION).
class UserContext : Scope {
  public:
    explicit UserContext(Oid role);
    ~UserContext();

  private:
    Oid role_;
    int security_context_;
};

// Settings that hold until the end of the scope. A commit inside the scope would end them early.
class LocalSettings : Scope {
  public:
    LocalSettings();
    ~LocalSettings();

    // May raise what SET raises.
    void set(const char* name, const char* value);

    // Also sets what only a superuser may SET: for settings that the caller must not decide.
    void set_as_superuser(const char* name, const char* value);

  private:
    int nest_level_;
};

// Suspends the session's statement_timeout.
class SuspendedStatementTimeout : Scope {
  public:
    SuspendedStatementTimeout();
    ~SuspendedStatementTimeout();

  private:
    std::optional<TimestampTz> remaining_;  // microseconds
};

// The same, and a timeout of `milliseconds` runs instead.
class StatementTimeout : Scope {
  public:
    explicit StatementTimeout(int milliseconds);
    ~StatementTimeout();

  private:
    SuspendedStatementTimeout suspended_;
};

// A lock that is held past commits, to the end of the scope.
class SessionLock : Scope {
  public:
    enum class Waits { no, yes };  // for lock_timeout at most

    SessionLock(const LOCKTAG& tag, LOCKMODE mode, Waits waits);
    ~SessionLock();

  private:
    friend class LocksOfTransaction;

    enum class Holder { nobody, session, transaction };

    LOCKTAG tag_;
    LOCKMODE mode_;
    Holder holder_ = Holder::nobody;
};

// In its scope the transaction holds the session's locks: other people's code may call
// pg_advisory_unlock_all(), which releases all session locks, and no lock of a transaction. The
// scope ends before its (sub)transaction does.
class LocksOfTransaction : Scope {
  public:
    LocksOfTransaction();
    ~LocksOfTransaction();
};

// Keeps two runs of ppm off one relation, and nobody else. Waits for lock_timeout at most. No SQL
// function can take a lock with this tag.
class AdvisoryLock : Scope {
  public:
    enum class Lifetime {
        scope,        // past commits, to the end of the scope
        transaction,  // to the end of the transaction
    };

    // What is locked: the partitions of a table, for a moment, or a move of its rows, which may
    // take days.
    enum class Of : std::uint16_t { partitions = 3, move = 4 };

    AdvisoryLock(Oid relation, Lifetime lifetime, Of of = Of::partitions);

  private:
    std::optional<SessionLock> lock_;
};

// A memory context to work in, that can be emptied between two rounds of a loop.
class WorkMemory : Scope {
  public:
    explicit WorkMemory(const char* name);
    ~WorkMemory();

    void reset();

  private:
    MemoryContext before_;
    MemoryContext context_;
};

}  // namespace ppm
