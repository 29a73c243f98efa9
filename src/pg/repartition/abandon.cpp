#include "pg/repartition/abandon.hpp"

#include "core/text.hpp"
#include "pg/bridge/messages.hpp"
#include "pg/bridge/own_objects.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/effects.hpp"
#include "pg/ddl/names.hpp"
#include "pg/repartition/capture.hpp"
#include "pg/repartition/move.hpp"
#include "pg/repartition/patience.hpp"
#include "pg/run/run_lock.hpp"

namespace ppm {

namespace {

// Also works for a table that is no longer configured.
ManagedParent parent_as_it_is(Oid parent) {
    ManagedParent managed{};
    Table table{};
    table.relation = parent;
    table.owner = call([=] { return owner_of(parent); });
    const char* const name = call([=] { return get_rel_name(parent); });
    if (name == nullptr)
        throw PpmError{ERRCODE_UNDEFINED_TABLE,
                       "relation with OID " + std::to_string(parent) + " does not exist"};
    managed.parent.configuration.table_name = name;
    managed.parent.configuration.schema_name =
        call([=] { return get_namespace_name(get_rel_namespace(parent)); });
    managed.parent.table = table;
    return managed;
}

void release_source(Oid source) {
    if (call([=] { return get_rel_relkind(source); }) == '\0')
        return;
    lock_all({source}, AccessExclusiveLock, lock_timeout());
    lock_schema_names({source});
    drop_capture(source, Deadline{std::chrono::milliseconds{statement_timeout()}});
}

// The target must not be a partition, or else it is not the table that the move has made.
void drop_target(const Job& job, const JobTarget& target) {
    if (call([&] { return get_rel_relkind(target.relation); }) == '\0')
        return;
    const char* const schema =
        call([&] { return get_namespace_name(get_rel_namespace(target.relation)); });
    const Partition table{target.relation, schema, job.temporary_name(target),
                          BoundRange{Bound::min_value(), Bound::max_value()}, false};
    lock_to_drop(table);
    lock_partition(table, true);
    lock_names({NamedRelation{table}});
    // The parent may have another owner by now, who may lack the rights.
    const Oid role = call([&] {
        const Oid made_for = owner_of(target.relation);
        const Oid owner = owner_of(job.parent);
        return OidIsValid(owner) && has_privs_of_role(owner, made_for) ? owner : made_for;
    });
    execute_as(role, drop_statement(table), statement_timeout());
    require_dropped(table.relation, table.qualified_name());
}

void take_back(Session& session, const Job& job) {
    session.step([&] { set_phase(job, MovePhase::abandoning); });
    for (const JobSource& each : job.sources)
        step_with_patience(session, [&] { release_source(each.partition.relation); });
    for (const JobTarget& each : job.targets)
        if (OidIsValid(each.relation))
            step_with_patience(session, [&] { drop_target(job, each); });
    session.step([&] {
        drop_log(job, Deadline{std::chrono::milliseconds{statement_timeout()}});
        forget_job(job.parent);
    });
}

constexpr char captured_query[] =
    "SELECT DISTINCT i.inhrelid FROM pg_inherits i JOIN pg_trigger t ON t.tgrelid = i.inhrelid "
    "JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace "
    "WHERE i.inhparent = $1 AND n.nspname = 'ppm' AND p.proname IN ('log_change', "
    "'write_through')";

// Partitions that have ppm's triggers although there is no move. This happens after restoring a
// dump that was made in the middle of a move.
std::vector<Oid> captured_partitions(Session& session, Oid parent) {
    return session.read(
        [&] { return query(captured_query, {oid_parameter(parent)}).values<Oid>(); });
}

// A move whose table is gone.
struct Orphan {
    Oid parent;
    TableName name;
};

std::vector<Orphan> read_orphans() {
    if (!may_have_own_rows("move"))
        return {};
    const UserContext owner{owner_of_ppm()};
    std::vector<Orphan> orphans;
    for (const auto& [parent, schema_name, table_name] :
         query("SELECT parent, schema_name, table_name FROM ppm.move m "
               "WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = m.parent)")
             .as<Oid, std::string, std::string>())
        orphans.push_back({parent, {schema_name, table_name}});
    return orphans;
}

// Whether the caller may drop all that is left of the tables that the move has made.
bool may_drop_targets(const Job& job) {
    return std::ranges::all_of(job.targets, [](const JobTarget& each) {
        return call([&] {
            const Oid owner = owner_of(each.relation);
            return !OidIsValid(owner) || has_privs_of_role(GetUserId(), owner);
        });
    });
}

void take_back(Session& session, const Orphan& orphan) {
    const auto job = session.read([&] { return read_job(orphan.parent, std::nullopt); });
    if (!job)
        return;
    if (!session.read([&] { return may_drop_targets(*job); }))
        return;
    const std::string name = "table " + in_quotes(orphan.name.qualified());
    const RunLock lock{session, orphan.parent, AdvisoryLock::Of::move, name};
    take_back(session, *job);
    announce("abandoned the move of rows of " + name + ", which was dropped");
}

}  // namespace

bool take_back_move(Session& session, Oid parent) {
    const auto job = session.read([&] { return read_job(parent, std::nullopt); });
    if (job) {
        take_back(session, *job);
        return true;
    }
    const std::vector<Oid> captured = captured_partitions(session, parent);
    for (const Oid each : captured)
        step_with_patience(session, [&] { release_source(each); });
    return !captured.empty();
}

bool is_being_abandoned(Session& session, Oid parent) {
    const auto job = session.read([&] { return read_job(parent, std::nullopt); });
    return job && job->phase == MovePhase::abandoning;
}

void take_back_orphans(Session& session) {
    for (const Orphan& each : session.read(read_orphans)) {
        try {
            take_back(session, each);
        } catch (const Error& error) {
            if (ends_the_call(error))
                throw;
            const std::string message = "could not abandon the move of rows of table " +
                                        in_quotes(each.name.qualified()) +
                                        ", which was dropped: " + error.message();
            call([&] { tell(WARNING, error.sqlstate(), message.c_str()); });
        }
    }
}

bool abandon_move(Session& session, History&, Oid parent) {
    const std::string name = session.read([&] {
        const ManagedParent managed = parent_as_it_is(parent);
        require_owner(parent, managed.parent.configuration.table_name);
        return "table " + in_quotes(managed.parent.configuration.qualified_name());
    });
    const RunLock lock{session, parent, AdvisoryLock::Of::move, name};
    if (!take_back_move(session, parent))
        return false;
    announce("abandoned the move of rows of " + name);
    return true;
}

}  // namespace ppm
