#include "pg/run/archive.hpp"

#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/names.hpp"
#include "pg/records/archived.hpp"

namespace ppm {

namespace {

// The table, and those below it, that are not in the schema.
constexpr char outside_query[] =
    "WITH RECURSIVE tree AS (SELECT $1::oid AS oid, 0 AS level UNION ALL "
    "SELECT i.inhrelid, t.level + 1 FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid) "
    "SELECT n.nspname, r.relname FROM tree t JOIN pg_class r ON r.oid = t.oid "
    "JOIN pg_namespace n ON n.oid = r.relnamespace WHERE n.nspname <> $2 "
    "ORDER BY t.level, r.relname";

// The names of all that moves: these tables, their indexes and their sequences.
constexpr char names_query[] =
    "WITH RECURSIVE tree AS (SELECT $1::oid AS oid UNION ALL "
    "SELECT i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid) "
    "SELECT r.relname FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace "
    "WHERE n.nspname <> $2 AND r.oid IN (SELECT oid FROM tree UNION ALL "
    "SELECT x.indexrelid FROM tree t JOIN pg_index x ON x.indrelid = t.oid UNION ALL "
    "SELECT d.objid FROM tree t JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass "
    "AND d.refobjid = t.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') "
    "JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S')";

// Whoever owns a schema can drop what is in it. The owner of the parent's schema can do that
// already, and the owner of the database can drop it as a whole. $3 is the parent.
constexpr char access_query[] =
    "SELECT has_schema_privilege($2, n.oid, 'CREATE'), " PPM_IS_AS_GOOD_AS("n.nspowner", "$2") 
    " OR n.nspowner = (SELECT h.nspowner FROM pg_class p JOIN pg_namespace h ON h.oid = "
    "p.relnamespace WHERE p.oid = $3) OR pg_get_userbyid(n.nspowner) = 'pg_database_owner', "
    "pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE n.nspname = $1";

struct Access {
    bool exists = false;
    bool may_create = false;
    bool is_safe = false;
    std::string schema_owner;

    bool is_granted() const { return may_create && is_safe; }
};

Access access_to(const std::string& schema_name, const Parent& parent) {
    const auto found =
        query(access_query, {text_parameter(schema_name), oid_parameter(parent.table->owner),
                             oid_parameter(parent.table->relation)})
            .first<bool, bool, std::string>();
    if (!found)
        return {};
    const auto& [may_create, is_safe, schema_owner] = *found;
    return {true, may_create, is_safe, schema_owner};
}

std::vector<TableName> tables_outside(const Partition& partition, const std::string& schema_name) {
    std::vector<TableName> tables;
    for (const auto& [schema, name] :
         query(outside_query, {oid_parameter(partition.relation), text_parameter(schema_name)})
             .as<std::string, std::string>())
        tables.push_back({schema, name});
    return tables;
}

void move(const ManagedParent& managed, const Partition& partition, const std::string& schema_name,
          const std::optional<std::string>& home) {
    const bool was_as_detached = is_as_detached(partition.relation);
    lock_names({NamedRelation{partition}});
    for (const std::string& statement : move_statements(partition, schema_name))
        execute_as_owner(managed.parent, statement);
    const bool is_moved = call(
        [&] { return is_named(partition.relation, schema_name.c_str(), partition.name.c_str()); });
    if (!is_moved || !tables_outside(partition, schema_name).empty())
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "table " + in_quotes(partition.qualified_name()) +
                           " was not moved to schema " + in_quotes(schema_name) + " as planned",
                       {},
                       "Call the procedure again."};
    record_move(partition.relation, schema_name, home, was_as_detached);
}

}  // namespace

std::optional<Anomaly> archive_problem(const Parent& parent) {
    const std::string& archive = *parent.configuration.archive_schema;
    const Oid owner = parent.table->owner;
    const Access access = access_to(archive, parent);
    if (access.is_granted())
        return std::nullopt;
    const std::string role = call([=]() -> const char* { return GetUserNameFromId(owner, false); });
    const std::string says = "The archive_schema of table " +
                             in_quotes(parent.configuration.qualified_name()) + " is " +
                             in_quotes(archive);
    if (!access.exists)
        return Anomaly{
            AnomalyCode::archive_mismatch,
            {},
            says +
                ", but that schema does not exist: nothing that would move there is "
                "detached.",
            "CREATE SCHEMA " + identifier(archive) + " AUTHORIZATION " + identifier(role) + ";"};
    if (access.may_create)
        return Anomaly{
            AnomalyCode::archive_mismatch,
            {},
            says + ", but that schema belongs to role " + access.schema_owner +
                ", which could drop the tables there and does not have the privileges of " + role +
                ", the owner of the table: nothing that would move there is detached.",
            "ALTER SCHEMA " + identifier(archive) + " OWNER TO " + identifier(role) + ";"};
    return Anomaly{
        AnomalyCode::archive_mismatch,
        {},
        says + ", but the owner of the table, " + role +
            ", cannot create anything there: nothing that would move there is detached.",
        "GRANT USAGE, CREATE ON SCHEMA " + identifier(archive) + " TO " + identifier(role) + ";"};
}

bool is_taken_in(const std::string& schema_name, const Partition& partition) {
    const auto names =
        query(names_query, {oid_parameter(partition.relation), text_parameter(schema_name)})
            .values<std::string>();
    return std::ranges::any_of(
        names, [&](const std::string& name) { return relation_exists(schema_name, name); });
}

std::vector<std::string> move_statements(const Partition& partition,
                                         const std::string& schema_name) {
    std::vector<std::string> statements;
    for (const auto& [schema, name] : tables_outside(partition, schema_name))
        statements.push_back("ALTER TABLE " + identifier(schema) + "." + identifier(name) +
                             " SET SCHEMA " + identifier(schema_name));
    return statements;
}

void move_to_archive(const ManagedParent& managed, const Partition& partition,
                     const std::string& schema_name) {
    move(managed, partition, schema_name,
         home_of(partition.relation).value_or(partition.schema_name));
}

Partition bring_home(const ManagedParent& managed, const Partition& partition) {
    const auto home = home_of(partition.relation);
    if (!home || *home == partition.schema_name || is_taken_in(*home, partition) ||
        !access_to(*home, managed.parent).is_granted())
        return partition;
    move(managed, partition, *home, std::nullopt);
    Partition moved = partition;
    moved.schema_name = *home;
    return moved;
}

}  // namespace ppm
