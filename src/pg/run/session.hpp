// One call of a procedure: its transactions, and the statements in them.
#pragma once

#include "core/deadline.hpp"
#include "core/plan/parent.hpp"
#include "pg/bridge/deadlock_watch.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/ddl/locks.hpp"

namespace ppm {

// Outside a transaction block every step is a transaction of its own, and what it did stays done.
// Inside one (`atomic`) nothing is committed here, and a failed step leaves the transaction as it
// was before it.
//
// Everything that may fail runs in a subtransaction, outside a transaction block too: only its end
// takes down what an error left behind (active snapshots, locks, buffer pins) without ending the
// procedure. So a caller may catch what read() and step() throw, and go on.
class Session {
  public:
    // Outside a transaction block, ends the transaction that the caller may have begun: an error in
    // that is the caller's.
    explicit Session(bool atomic) : atomic_{atomic}, spi_{!atomic} { commit(Waits::as_set); }

    bool atomic() const { return atomic_; }

    // Runs body(), which reads, under ppm's own settings.
    template <typename Body>
    auto read(Body body) {
        Subtransaction subtransaction;
        auto result = [&] {
            const LocksOfTransaction locks;
            const PinnedSettings settings;
            return body();
        }();
        subtransaction.commit();
        return result;
    }

    // Runs body(), which changes something, under ppm's own settings. If it throws, nothing is
    // changed. Its statements wait for a lock for `wait` milliseconds at most. In a deadlock ppm
    // gives way: it releases all its locks, and tries again until the wait is over.
    template <typename Body>
    void step(Body body, int wait = lock_timeout()) {
        const Deadline deadline{std::chrono::milliseconds{wait}};
        try {
            while (!try_step(body, wait, deadline))
                pause(after_a_deadlock);
        } catch (...) {
            roll_back();
            throw;
        }
        commit();
    }

    // How often to look for a deadlock, in milliseconds. In read() or a step.
    int check_interval();

    // Waits, holding no lock and no snapshot. Only outside a transaction block.
    void pause(std::chrono::milliseconds duration);

    // Pauses for twice as long as others had to wait for our locks, or behind our lock requests. So
    // they have their table two thirds of the time, whatever there is to do.
    void leave_room(std::chrono::microseconds used,
                    std::chrono::milliseconds at_least = std::chrono::milliseconds::zero());

    // Waits, as the session's synchronous_commit says, until the synchronous standbys have all that
    // was committed before. A cancel ends the wait. Holds no lock meanwhile.
    void wait_for_standbys();

  private:
    // Whether a commit waits for synchronous standbys. That wait holds the transaction's locks,
    // which others may need, and does not end if there is no standby.
    enum class Waits { never, as_set };

    // Settings that a statement must not depend on, and settings that limit its lock waits.
    class PinnedSettings : LocalSettings {
      public:
        explicit PinnedSettings(int wait = lock_timeout());
    };

    // Returns false if body() is to be tried again. Never does in a transaction block, whose own
    // locks are not released before it ends.
    template <typename Body>
    bool try_step(Body& body, int wait, const Deadline& deadline) {
        try {
            Subtransaction subtransaction;
            {
                const LocksOfTransaction locks;
                const PinnedSettings settings{wait};
                const DeadlockWatch watch{std::min(check_interval(), deadlock_timeout_for(wait))};
                body();
            }
            subtransaction.commit();
            return true;
        } catch (const Error& error) {
            if (atomic_ || error.sqlstate() != ERRCODE_T_R_DEADLOCK_DETECTED ||
                deadline.has_passed())
                throw;
            return false;
        }
    }

    static constexpr std::chrono::milliseconds after_a_deadlock{20};

    // Begins another transaction after an error, which the step's subtransaction has undone. Citus
    // lets no transaction commit that has lost a connection, and the error is to be recorded.
    void roll_back();

    // Ends the transaction and begins the next, outside a transaction block.
    void commit(Waits waits = Waits::never);

    bool atomic_;
    const int deadlock_timeout_ = DeadlockTimeout;  // before it is changed for a step
    std::optional<int> check_interval_;
    SuspendedStatementTimeout suspended_;
    SpiConnection spi_;
};

// Each of these runs inside a step.

// Takes all the locks of a statement together (see locks.hpp), for ppm.lock_timeout at most. The
// caller then checks the locked tables with lock_parent() and lock_partition(). Returns since when
// others may have to wait, if any have to.
using Since = std::optional<Deadline::Clock::time_point>;
Since lock_together(Statement statement, const Parent& parent,
                    std::optional<RelationId> partition = std::nullopt);

// For a table that has no parent any more.
Since lock_to_drop(const Partition& partition);

// Locks the parent against other changes of its partitions (SHARE UPDATE EXCLUSIVE lets readers and
// writers go on), and makes sure that it is still what was planned for. Throws 55000 if not.
void lock_parent(const Parent& parent, LOCKMODE mode = ShareUpdateExclusiveLock);

// Locks a partition, or a table that was one, against everybody, and makes sure that it is still
// the relation that was planned for and, with `detached`, no partition (any more). Throws 55000 if
// not.
void lock_partition(const Partition& partition, bool detached);

// Locks a table that was a partition, and all below it, against writers; readers go on.
void lock_against_writers(const Partition& partition);

// Waits until every transaction with an older snapshot has ended. Takes no lock; the step must hold
// none that others wait for.
void wait_for_older_snapshots();

// The search_path of a statement, and of user code that runs in the middle of it: the one of a
// plain session of the role, or PostgreSQL's own objects alone.
enum class Path { of_role, pinned };

// Runs a statement as the parent's owner, by default for ppm.statement_timeout at most. Restores
// settings that the owner's own code may have changed.
void execute_as_owner(const Parent& parent, const std::string& statement,
                      int milliseconds = statement_timeout(), Path path = Path::of_role);

// The same as another role.
void execute_as(Oid role, const std::string& statement, int milliseconds = statement_timeout(),
                Path path = Path::of_role);

// The same under a search_path that is known already.
void execute_as(Oid role, const std::string& statement, const std::string& path, int milliseconds);

}  // namespace ppm
