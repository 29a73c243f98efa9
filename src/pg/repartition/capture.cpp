#include "pg/repartition/capture.hpp"

#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/names.hpp"
#include "pg/run/session.hpp"

namespace ppm {

namespace {

// Runs as ppm's owner, because only that role may use the functions. No user code runs in these
// statements, except event triggers, which belong to superusers.
void execute_as_ppm(const std::string& statement, int milliseconds = statement_timeout()) {
    const UserContext owner{owner_of_ppm()};
    const StatementTimeout timeout{std::max(milliseconds, 1)};
    execute_own_once(statement);
}

// Part of the extension: pg_dump leaves it out, and DROP EXTENSION takes it along.
void add_to_extension(Oid relation) {
    call([=] {
        const ObjectAddress table{RelationRelationId, relation, 0};
        const ObjectAddress extension{ExtensionRelationId, get_extension_oid("ppm", false), 0};
        recordDependencyOn(&table, &extension, DEPENDENCY_EXTENSION);
    });
}

void remove_from_extension(Oid relation) {
    call([=] {
        deleteDependencyRecordsForClass(RelationRelationId, relation, ExtensionRelationId,
                                        DEPENDENCY_EXTENSION);
        CommandCounterIncrement();
    });
}

Oid relation_of_ppm(const std::string& name) {
    return call([&] { return get_relname_relid(name.c_str(), get_namespace_oid("ppm", false)); });
}

constexpr char triggers_query[] =
    "SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
    "JOIN pg_namespace n ON n.oid = p.pronamespace WHERE t.tgrelid = $1 AND n.nspname = 'ppm' "
    "AND p.proname IN ('log_change', 'write_through') AND NOT t.tgisinternal";

// ENABLE ALWAYS: also under logical replication and session_replication_role = replica.
void create_triggers(Oid source, Capture capture) {
    const std::string table = qualified_name(source);
    const std::string function = capture == Capture::log ? "log_change" : "write_through";
    execute_as_ppm("CREATE OR REPLACE TRIGGER ppm_move AFTER INSERT OR UPDATE OR DELETE ON " +
                   table + " FOR EACH ROW EXECUTE FUNCTION ppm." + function + "()");
    execute_as_ppm("CREATE OR REPLACE TRIGGER ppm_move_truncate AFTER TRUNCATE ON " + table +
                   " FOR EACH STATEMENT EXECUTE FUNCTION ppm." + function + "()");
    execute_as_ppm("ALTER TABLE " + table +
                   " ENABLE ALWAYS TRIGGER ppm_move, ENABLE ALWAYS TRIGGER ppm_move_truncate");
}

}  // namespace

void create_log(const ManagedParent& managed, const Job& job, const MatchingKey& key) {
    const std::string table = "ppm." + identifier(job.log_name());
    execute_as_ppm("CREATE TABLE " + table + " (" + key.log_columns + ")");
    // ANALYZE runs as the table's owner, a superuser, and calls functions that belong to the
    // column's type. That type may be somebody else's: the subtype_diff of a range type, for
    // example.
    for (const std::string& column : key.columns)
        execute_as_ppm("ALTER TABLE " + table + " ALTER COLUMN " + identifier(column) +
                       " SET STATISTICS 0");
    // So that rows can be deleted from it where a publication is FOR ALL TABLES.
    execute_as_ppm("ALTER TABLE " + table + " REPLICA IDENTITY FULL");
    execute_as_ppm("COMMENT ON TABLE " + table + " IS " +
                   literal("keys of rows of table " +
                           managed.parent.configuration.qualified_name() +
                           " that were written while ppm moves the rows of that table"));
    const std::string owner =
        call([&] { return GetUserNameFromId(managed.parent.table->owner, false); });
    execute_as_ppm("GRANT SELECT ON " + table + " TO " + identifier(owner));
    add_to_extension(relation_of_ppm(job.log_name()));
}

Oid log_relation_of(const Job& job) {
    return relation_of_ppm(job.log_name());
}

void drop_log(const Job& job, const Deadline& deadline) {
    const Oid relation = log_relation_of(job);
    if (!OidIsValid(relation))
        return;
    remove_from_extension(relation);
    execute_as_ppm("DROP TABLE ppm." + identifier(job.log_name()), deadline.left());
}

void lock_sources(const ManagedParent& managed, const Job& job) {
    lock_parent(managed.parent);
    lock_all(job.source_relations(), ShareRowExclusiveLock, lock_timeout());
    std::vector<NamedRelation> names{NamedRelation{managed.parent}};
    for (const JobSource& each : job.sources) {
        require_owner_of_tree(managed.parent.table->owner, each.partition.relation);
        names.emplace_back(each.partition);
    }
    lock_names(names);
}

void set_capture(const ManagedParent& managed, Job& job, Capture capture) {
    for (JobSource& each : job.sources) {
        const Oid relation = each.partition.relation;
        if (const std::string change = change_of(managed, each); !change.empty())
            throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                           "partition " + in_quotes(each.partition.name) + " " + change};
        create_triggers(relation, capture);
        call([] { CommandCounterIncrement(); });
        each.version = version_of_source(relation);
        if (capture == Capture::log)
            each.blocks = block_count(relation);
        set_captured(job, each);
    }
}

void drop_capture(Oid source, const Deadline& deadline) {
    for (const std::string& trigger :
         query(triggers_query, {oid_parameter(source)}).values<std::string>())
        execute_as_ppm("DROP TRIGGER " + identifier(trigger) + " ON " + qualified_name(source),
                       deadline.left());
}

std::string change_of(const ManagedParent& managed, const JobSource& source) {
    const Partition& partition = source.partition;
    const Table& table = *managed.parent.table;
    const bool is_there =
        source.is_default
            ? call([&] { return get_default_partition_oid(table.relation); }) == partition.relation
            : is_partition(partition.relation, table.relation, *table.key_type, partition.bounds);
    if (!is_there)
        return "was detached, or attached again, concurrently";
    if (!source.version.empty() && source.version != version_of_source(partition.relation))
        return "or its triggers were rewritten or altered concurrently";
    return "";
}

}  // namespace ppm
