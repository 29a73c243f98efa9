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

// Acts as `role` in a security-restricted context (miscinit.c, SECURITY_RESTRICTED_OPERATION). This
// alone is for the extension's owner and the bootstrap superuser; whoever owns a table, and may
// have code run, gets a RoleContext.
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

// Acts as a role whose code may run in between: functions in expressions of its tables, or what
// they call. That code has the role's rights and cannot escape them, sees the search_path `path`,
// and runs for `milliseconds` at most. What it sets ends with the scope.
class RoleContext : Scope {
  public:
    RoleContext(Oid role, const std::string& path, int milliseconds);

    // Another setting for that code, which any role may SET.
    void set(const char* name, const char* value) { settings_.set(name, value); }

  private:
    LocalSettings settings_;
    UserContext user_;
    StatementTimeout timeout_;
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
