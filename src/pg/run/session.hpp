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
    // Ends the transaction that the caller may have begun, outside a transaction block: what goes
    // wrong with that is the caller's.
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

    // Runs body(), which changes something, under ppm's own settings: all of it or, if it throws,
    // nothing. Its statements wait for a lock `wait` milliseconds at most.
    // Of a deadlock ppm is the victim: it gives up all that it holds, and tries again until the
    // wait is over.
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

    // Pauses for twice as long as others had to wait for locks of ours, or behind our wait for
    // them: so they have their table two thirds of the time, whatever there is to do.
    void leave_room(std::chrono::microseconds used,
                    std::chrono::milliseconds at_least = std::chrono::milliseconds::zero());

    // Waits for the synchronous standbys, as the session's synchronous_commit has it, until they
    // have all that was committed before; a cancel ends that. Holds no lock meanwhile.
    void wait_for_standbys();

  private:
    // Whether a commit waits for synchronous standbys: with the locks of its transaction, which
    // others may need, and without an end if there is no standby.
    enum class Waits { never, as_set };

    // What a statement must not depend on, and what bounds its wait for a lock.
    class PinnedSettings : LocalSettings {
      public:
        explicit PinnedSettings(int wait = lock_timeout());
    };

    // Returns false if it is to be tried again. A block's own locks are not given up before it
    // ends.
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

    // After an error, which the step's subtransaction has undone: Citus lets no transaction commit
    // that has lost a connection, so what is recorded of the error needs another.
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

// Takes all the locks of a statement together (see locks.hpp), for ppm.lock_timeout at most. What
// is locked is still to be looked at: lock_parent() and lock_partition() do that.
// Returns since when others may have to wait, if any have to.
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

// Waits until every transaction has ended that still sees the database as it was until now. Takes
// no lock; the step must hold none that others wait for.
void wait_for_older_snapshots();

// What the names in a statement that have no schema mean, and what other people's code sees
// that runs in the middle of it: what it would in a plain session of the role, or PostgreSQL's own
// objects alone.
enum class Path { of_role, pinned };

// Runs a statement as the parent's owner, for ppm.statement_timeout at most if nothing else is
// said. Settings that the owner's own code may change are as before afterwards.
void execute_as_owner(const Parent& parent, const std::string& statement,
                      int milliseconds = statement_timeout(), Path path = Path::of_role);

// The same as another role.
void execute_as(Oid role, const std::string& statement, int milliseconds = statement_timeout(),
                Path path = Path::of_role);

// The same under a search_path that is known already.
void execute_as(Oid role, const std::string& statement, const std::string& path, int milliseconds);

}  // namespace ppm
