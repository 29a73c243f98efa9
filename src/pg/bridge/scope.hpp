// State of the session that is changed for a while and put back on every way out, by a return as by
// an exception.
#pragma once

#include "pg/bridge/guard.hpp"

namespace ppm {

// What cannot be copied: each of the classes below undoes one thing once.
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

// Acts as `role` in a security-restricted context: what expressions of the role's tables run
// meanwhile runs with the role's rights, and cannot leave them (miscinit.c,
// SECURITY_RESTRICTED_OPERATION).
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

    // Also what only a superuser may SET: for what is not the caller's to decide.
    void set_as_superuser(const char* name, const char* value);

  private:
    int nest_level_;
};

// Lets the session's own statement_timeout stand still.
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

// In its scope the transaction holds what the session's scopes do: other people's code may call
// pg_advisory_unlock_all(), which releases all that the session holds, and nothing that its
// transaction does. The scope ends before its (sub)transaction does.
class LocksOfTransaction : Scope {
  public:
    LocksOfTransaction();
    ~LocksOfTransaction();
};

// Keeps two runs off one relation, without keeping anyone else off it. Waits for lock_timeout at
// most. The lock's tag is one that no SQL function can take.
class AdvisoryLock : Scope {
  public:
    enum class Lifetime {
        scope,        // past commits, to the end of the scope
        transaction,  // to the end of the transaction
    };

    // What they are kept off: the partitions of a table, for a moment, or a move of its rows, which
    // may take days.
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
