#include "pg/run/session.hpp"

#include "core/text.hpp"
#include "pg/bridge/messages.hpp"
#include "pg/bridge/role_path.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/catalog/distributed.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/tree.hpp"
#include "pg/ddl/names.hpp"

namespace ppm {

namespace {

bool is_still(const Parent& parent) {
    const Table& table = *parent.table;
    const Configuration& configuration = parent.configuration;
    return call([&] {
        return is_named(table.relation, configuration.schema_name.c_str(),
                        configuration.table_name.c_str()) &&
               owner_of(table.relation) == table.owner &&
               OidIsValid(get_atttype(table.relation,
                                      get_attnum(table.relation, table.key_column.c_str())));
    });
}

}  // namespace

Session::PinnedSettings::PinnedSettings(int wait) {
    set("search_path", pinned_path);
    set("lock_timeout", std::to_string(wait).c_str());
    set_as_superuser("deadlock_timeout", std::to_string(deadlock_timeout_for(wait)).c_str());
    // If neither the partition nor the parent has a tablespace, the partition goes to the
    // database's.
    set("default_tablespace", "");
}

int Session::check_interval() {
    if (!check_interval_)
        check_interval_ = deadlock_check_interval(deadlock_timeout_);
    return *check_interval_;
}

void Session::roll_back() {
    if (atomic_)
        return;
    call([] {
        SPI_rollback();
        SPI_start_transaction();
        XactIsoLevel = XACT_READ_COMMITTED;
    });
}

void Session::commit(Waits waits) {
    if (atomic_)
        return;
    call([=] {
        // Ends with the transaction.
        if (waits == Waits::never && synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
            set_config_option("synchronous_commit", "local", PGC_USERSET, PGC_S_SESSION,
                              GUC_ACTION_LOCAL, true, 0, false);
        SPI_commit();
        SPI_start_transaction();
        // Whatever the session's default is: two calls may write ppm's tables at the same time.
        XactIsoLevel = XACT_READ_COMMITTED;
    });
}

void Session::pause(std::chrono::milliseconds duration) {
    commit();
    const Deadline end{duration};
    Subtransaction subtransaction;
    call([=] {
        // The latch may also be set for other reasons.
        while (const long left = end.left()) {
            WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left,
                      PG_WAIT_EXTENSION);
            ResetLatch(MyLatch);
            CHECK_FOR_INTERRUPTS();
        }
    });
    subtransaction.commit();
}

void Session::leave_room(std::chrono::microseconds used, std::chrono::milliseconds at_least) {
    const auto room = std::max(at_least, std::chrono::ceil<std::chrono::milliseconds>(2 * used));
    if (room > std::chrono::milliseconds::zero())
        pause(room);
}

void Session::wait_for_standbys() {
    if (atomic_ || synchronous_commit <= SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
        return;
    commit();
    // As RecordTransactionCommit() in xact.c does, but after all locks were given up.
    call([] {
        // HOLD_INTERRUPTS() and RESUME_INTERRUPTS(), in a form that C++20 does not deprecate.
        InterruptHoldoffCount = InterruptHoldoffCount + 1;
        SyncRepWaitForLSN(XactLastCommitEnd, true);
        InterruptHoldoffCount = InterruptHoldoffCount - 1;
    });
}

namespace {

Since lock_for(Statement statement, Oid parent, Oid partition) {
    const auto begun = Deadline::Clock::now();
    const StatementTimeout timeout{statement_timeout()};
    return lock_together(statement, parent, partition, lock_timeout()) ? Since{begun}
                                                                       : std::nullopt;
}

}  // namespace

Since lock_together(Statement statement, const Parent& parent,
                    std::optional<RelationId> partition) {
    return lock_for(statement, parent.table->relation, partition.value_or(InvalidOid));
}

Since lock_to_drop(const Partition& partition) {
    return lock_for(Statement::drop, InvalidOid, partition.relation);
}

void lock_parent(const Parent& parent, LOCKMODE mode) {
    const StatementTimeout timeout{statement_timeout()};
    call([&] { LockRelationOid(parent.table->relation, mode); });
    if (!is_still(parent))
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "table " + in_quotes(parent.configuration.qualified_name()) +
                           " was renamed, replaced or given to another owner concurrently",
                       {},
                       "Call the procedure again."};
}

void lock_partition(const Partition& partition, bool detached) {
    const StatementTimeout timeout{statement_timeout()};
    const bool is_still = call([&] {
        LockRelationOid(partition.relation, AccessExclusiveLock);
        const bool same =
            is_named(partition.relation, partition.schema_name.c_str(), partition.name.c_str()) &&
            get_rel_relispartition(partition.relation) != detached;
        // If it is partitioned itself, locks the tables below it, too: they can be written to
        // directly.
        if (same)
            partition_tree(partition.relation, AccessExclusiveLock);
        return same;
    });
    if (!is_still)
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "table " + in_quotes(partition.qualified_name()) +
                           " was renamed, replaced, attached or detached concurrently",
                       {},
                       "Call the procedure again."};
}

void wait_for_older_snapshots() {
    call([] {
        PushActiveSnapshot(GetLatestSnapshot());
        WaitForOlderSnapshots(GetActiveSnapshot()->xmin, false);
        PopActiveSnapshot();
    });
}

void lock_against_writers(const Partition& partition) {
    const StatementTimeout timeout{statement_timeout()};
    call([&] {
        LockRelationOid(partition.relation, ShareLock);
        if (get_rel_relkind(partition.relation) != '\0')
            partition_tree(partition.relation, ShareLock);
    });
}

void execute_as_owner(const Parent& parent, const std::string& statement, int milliseconds,
                      Path path) {
    if (parent.table->is_distributed)
        for (const std::string& setting : settings_for_shards(
                 std::min(lock_timeout(), DeadlockWatch::longest_wait_elsewhere()), milliseconds))
            execute_once(setting);
    execute_as(parent.table->owner, statement, milliseconds, path);
}

void execute_as(Oid role, const std::string& statement, int milliseconds, Path path) {
    execute_as(role, statement, path == Path::of_role ? search_path_of(role) : pinned_path,
               milliseconds);
}

void execute_as(Oid role, const std::string& statement, const std::string& path, int milliseconds) {
    const std::string said = "ppm executes: " + statement;
    call([&] { tell(DEBUG1, ERRCODE_SUCCESSFUL_COMPLETION, said.c_str()); });
    RoleContext context{role, path, milliseconds};
    // Messages meanwhile have the statement as their context, which the client must be able to get.
    if (!call([&] { return reaches_client(statement.c_str()); }))
        context.set("client_min_messages", "error");
    execute_once(statement);
}

}  // namespace ppm
