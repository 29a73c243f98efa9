#include "pg/session.hpp"

#include "core/text.hpp"
#include "pg/settings.hpp"

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
            configuration.table_name == NameStr(now->relname);
        ReleaseSysCache(tuple);
        return same;
    });
}

template <typename Body>
auto as_owner(const Parent& parent, Body body) {
    const UserContext owner{parent.table->owner};
    const StatementTimeout timeout{statement_timeout()};
    return body();
}

}  // namespace

Session::PinnedSettings::PinnedSettings() {
    // pg_temp last: a temporary table must not hide one of PostgreSQL's (CVE-2007-2138).
    set("search_path", "pg_catalog, pg_temp");
    set("lock_timeout", std::to_string(lock_timeout()).c_str());
    // A partition without a tablespace of its own goes where the parent's rows go without one: to
    // the database's.
    set("default_tablespace", "");
    // Better an error than a query that a policy has made to see no rows.
    set("row_security", "off");
}

void Session::commit() {
    if (atomic_)
        return;
    call([] {
        SPI_commit();
        SPI_start_transaction();
    });
}

void Session::pause(std::chrono::milliseconds duration) {
    commit();
    const TimestampTz end = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), duration.count());
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
}

void lock_parent(const Parent& parent) {
    const StatementTimeout timeout{statement_timeout()};
    call([&] { LockRelationOid(parent.table->relation, ShareUpdateExclusiveLock); });
    if (!is_still(parent))
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "table " + in_quotes(parent.configuration.qualified_name()) +
                           " was renamed, replaced or given to another owner meanwhile",
                       {},
                       "Call the procedure again."};
}

void execute_as_owner(const Parent& parent, const std::string& statement) {
    as_owner(parent, [&] {
        call([&] { ereport(DEBUG1, (errmsg_internal("ppm executes: %s", statement.c_str()))); });
        execute(statement);
    });
}

bool ask_as_owner(const Parent& parent, const std::string& query_text) {
    return as_owner(parent, [&] { return query(query_text.c_str()).boolean(0, 1); });
}

}  // namespace ppm
