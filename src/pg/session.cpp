#include "pg/session.hpp"

#include "core/text.hpp"
#include "pg/settings.hpp"
#include "pg/telling.hpp"

namespace ppm {

namespace {

bool is_still(const Parent& parent) {
    const Table& table = *parent.table;
    const Configuration& configuration = parent.configuration;
    return call([&] {
        const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table.relation));
        if (!HeapTupleIsValid(tuple))
            return false;
        const auto* const now = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        const bool same =
            now->relowner == table.owner &&
            now->relnamespace == get_namespace_oid(configuration.schema_name.c_str(), true) &&
            configuration.table_name == NameStr(now->relname) &&
            OidIsValid(
                get_atttype(table.relation, get_attnum(table.relation, table.key_column.c_str())));
        ReleaseSysCache(tuple);
        return same;
    });
}

}  // namespace

Session::PinnedSettings::PinnedSettings(int wait) {
    // pg_temp last: a temporary table must not hide one of PostgreSQL's (CVE-2007-2138).
    set("search_path", "pg_catalog, pg_temp");
    set("lock_timeout", std::to_string(wait).c_str());
    set_as_superuser("deadlock_timeout", std::to_string(deadlock_timeout_for(wait)).c_str());
    // A partition without a tablespace of its own goes where the parent's rows go without one: to
    // the database's.
    set("default_tablespace", "");
}

void Session::commit() {
    if (atomic_)
        return;
    call([] {
        SPI_commit();
        SPI_start_transaction();
        // Whatever the session's default is: two calls may write ppm's tables at the same time.
        XactIsoLevel = XACT_READ_COMMITTED;
    });
}

void Session::pause(std::chrono::milliseconds duration) {
    commit();
    const TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), duration.count());
    Subtransaction subtransaction;
    call([=] {
        // The latch is also set by what is none of our business.
        for (long left = duration.count(); left > 0;
             left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end)) {
            WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left,
                      PG_WAIT_EXTENSION);
            ResetLatch(MyLatch);
            CHECK_FOR_INTERRUPTS();
        }
    });
    subtransaction.commit();
}

void lock_parent(const Parent& parent, LOCKMODE mode) {
    const StatementTimeout timeout{statement_timeout()};
    call([&] { LockRelationOid(parent.table->relation, mode); });
    if (!is_still(parent))
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "table " + in_quotes(parent.configuration.qualified_name()) +
                           " was renamed, replaced or given to another owner meanwhile",
                       {},
                       "Call the procedure again."};
}

void lock_partition(const Partition& partition, bool detached) {
    const StatementTimeout timeout{statement_timeout()};
    const bool is_still = call([&] {
        LockRelationOid(partition.relation, AccessExclusiveLock);
        const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(partition.relation));
        if (!HeapTupleIsValid(tuple))
            return false;
        const auto* const now = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        const bool same =
            now->relnamespace == get_namespace_oid(partition.schema_name.c_str(), true) &&
            partition.name == NameStr(now->relname) && now->relispartition != detached;
        ReleaseSysCache(tuple);
        // Of one that is partitioned itself the leaves, too: their rows can be written to without
        // it.
        if (same)
            find_all_inheritors(partition.relation, AccessExclusiveLock, nullptr);
        return same;
    });
    if (!is_still)
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "table " + in_quotes(partition.qualified_name()) +
                           " was renamed, replaced, attached or detached meanwhile",
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

void execute_as_owner(const Parent& parent, const std::string& statement) {
    const std::string said = "ppm executes: " + statement;
    call([&] { tell(DEBUG1, ERRCODE_SUCCESSFUL_COMPLETION, said.c_str()); });
    LocalSettings undone;
    // What is said meanwhile has the statement as its context.
    if (!call([&] { return reaches_client(statement.c_str()); }))
        undone.set("client_min_messages", "error");
    const UserContext owner{parent.table->owner};
    const StatementTimeout timeout{statement_timeout()};
    execute(statement);
}

}  // namespace ppm
