#include "pg/catalog/configured_relations.hpp"

#include "pg/bridge/own_objects.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/table.hpp"

namespace ppm {

namespace {

// A relation keeps its OID when it is renamed, and gets another when it is created again. So
// pg_dump leaves the table out; pg_upgrade and CREATE DATABASE keep OIDs, and the table with them.
constexpr char read_query[] =
    "SELECT m.schema_name, m.table_name, m.relation, m.confirmed_by, "
    // to_char() returns null for infinity.
    "coalesce(to_char(m.confirmed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') || ' UTC', "
    "m.confirmed_at::text) "
    "FROM ppm.configured_relations m "
    "WHERE ($1 IS NULL OR m.schema_name = $1) AND ($2 IS NULL OR m.table_name = $2)";

// The row may have been deleted again, by another trigger or another session.
#define RECORD                                                                                     \
    "INSERT INTO ppm.configured_relations (schema_name, table_name, relation, confirmed_by, "      \
    "confirmed_at) SELECT c.schema_name, c.table_name, $3, $4, clock_timestamp() FROM ppm.config " \
    "c WHERE c.schema_name = $1 AND c.table_name = $2 ON CONFLICT (schema_name, table_name) "

constexpr char record_statement[] = RECORD
    "DO UPDATE SET relation = excluded.relation, confirmed_by = excluded.confirmed_by, "
    "confirmed_at = excluded.confirmed_at";

constexpr char adopt_statement[] = RECORD "DO NOTHING";

constexpr char forget_statement[] =
    "DELETE FROM ppm.configured_relations m WHERE NOT EXISTS (SELECT FROM ppm.config c "
    "WHERE c.schema_name = m.schema_name AND c.table_name = m.table_name) "
    "AND ($1 IS NULL OR m.schema_name = $1) AND ($2 IS NULL OR m.table_name = $2)";

bool has_table() {
    return has_own_table("configured_relations");
}

std::map<TableName, ConfiguredRelation> read(const std::optional<TableName>& name) {
    const UserContext owner{owner_of_ppm()};
    std::map<TableName, ConfiguredRelation> result;
    for (const auto& [schema_name, table_name, relation, confirmed_by, confirmed_at] :
         query(read_query, {text_parameter(name ? std::optional{name->schema_name} : std::nullopt),
                            text_parameter(name ? std::optional{name->table_name} : std::nullopt)})
             .as<std::string, std::string, Oid, std::string, std::string>())
        result[{schema_name, table_name}] = {relation, confirmed_by, confirmed_at,
                                             present_name_of(relation)};
    return result;
}

void record(const char* statement, const TableName& name, Oid relation) {
    if (!has_table())
        return;
    const std::string caller = call([] { return GetUserNameFromId(GetUserId(), false); });
    const UserContext owner{owner_of_ppm()};
    execute(statement, {text_parameter(name.schema_name), text_parameter(name.table_name),
                        oid_parameter(relation), text_parameter(caller)});
}

void forget(const std::optional<std::string>& schema, const std::optional<std::string>& table) {
    if (!has_table())
        return;
    const UserContext owner{owner_of_ppm()};
    execute(forget_statement, {text_parameter(schema), text_parameter(table)});
}

}  // namespace

void read_configured_relations(std::vector<ManagedParent>& parents) {
    if (parents.empty() || !has_table())
        return;
    std::map<TableName, Parent*> by_name;
    for (ManagedParent& managed : parents)
        by_name[managed.parent.configuration.name()] = &managed.parent;
    for (const auto& [name, configured] :
         read(parents.size() == 1 ? std::optional{by_name.begin()->first} : std::nullopt))
        if (const auto found = by_name.find(name); found != by_name.end())
            found->second->configured = configured;
}

std::optional<Oid> configured_relation(const TableName& name) {
    if (!has_table())
        return std::nullopt;
    const auto configured = read(name);
    return configured.empty() ? std::nullopt : std::optional{configured.begin()->second.relation};
}

std::optional<Oid> existing_configured_relation(const TableName& name) {
    const auto meant = configured_relation(name);
    return meant && call([&] { return get_rel_relkind(*meant) != '\0'; }) ? meant : std::nullopt;
}

void record_configured_relation(const TableName& name, Oid relation) {
    record(record_statement, name, relation);
}

void adopt_relation(const Parent& parent) {
    record(adopt_statement, parent.configuration.name(), parent.table->relation);
}

void forget_configured_relation(const TableName& name) {
    forget(name.schema_name, name.table_name);
}

void prune_configured_relations() {
    forget(std::nullopt, std::nullopt);
}

}  // namespace ppm
