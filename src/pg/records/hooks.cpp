#include "pg/records/hooks.hpp"

#include "pg/bridge/own_objects.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/shown_bounds.hpp"

namespace ppm {

namespace {

// The function of a hook: a schema-qualified name with these argument types. Any other text was
// written while triggers were disabled, and PostgreSQL would raise an error for it.
#define FUNCTION_OF(function)                                            \
    "CASE WHEN " function                                                \
    " ~ '^(\"([^\"]|\"\")+\"|[^.\"()]+)[.](\"([^\"]|\"\")+\"|[^.\"()]+)" \
    "[(]regclass, ?regclass, ?text, ?text[)]$' THEN to_regprocedure(" function ") END"

// Why the function cannot be called for a table of `owner`. Its code runs as the table's owner, so
// the function's owner needs that role's rights.
#define PROBLEM_OF(owner) \
    "CASE WHEN p.oid IS NULL THEN 'does not exist' "                                            \
    "WHEN p.prokind <> 'f' THEN 'is not a function' "                                           \
    "WHEN p.proretset OR p.prorettype <> 'void'::regtype THEN 'does not return void' "          \
    "WHEN NOT " PPM_IS_AS_GOOD_AS("p.proowner", owner)                                          \
    " THEN format('belongs to role \"%s\", which does not have the privileges of role \"%s\", " \
    "the owner of the table', pg_get_userbyid(p.proowner), pg_get_userbyid(" owner ")) "        \
    "WHEN NOT has_schema_privilege(" owner ", p.pronamespace, 'USAGE') "                        \
    "OR NOT has_function_privilege(" owner ", p.oid, 'EXECUTE') "                               \
    "THEN format('may not be executed by role \"%s\", the owner of the table', "                \
    "pg_get_userbyid(" owner ")) ELSE '' END"

constexpr char hooks_query[] = "SELECT t.oid, h.event, h.function, " PROBLEM_OF(
    "t.relowner") ", " PPM_HASH_OF_HOOK
                  " FROM ppm.hooks h "
                  "JOIN pg_namespace n ON n.nspname = h.schema_name "
                  "JOIN pg_class t ON t.relnamespace = n.oid AND t.relname = h.table_name "
                  "LEFT JOIN pg_proc p ON p.oid = " FUNCTION_OF(
                      "h.function") " WHERE t.oid = ANY ($1) ORDER BY h.position, h.function";

constexpr char function_query[] =
    "SELECT CASE WHEN p.oid IS NOT NULL THEN format('%I.%I', n.nspname, p.proname) ELSE '' END, "
    PROBLEM_OF("$2")
    ", coalesce(f.oid, 0) FROM (SELECT " FUNCTION_OF("$1")
    " AS oid) AS f LEFT JOIN pg_proc p ON p.oid = f.oid "
    "LEFT JOIN pg_namespace n ON n.oid = p.pronamespace";

// Only relations that are still what they were queued as.
constexpr char pending_query[] =
    "SELECT d.parent, d.event, d.function, d.relation, n.nspname, r.relname, d.lower_value, "
    "d.upper_value FROM ppm.pending_hooks d "
    "JOIN pg_class t ON t.oid = d.parent JOIN pg_namespace s ON s.oid = t.relnamespace "
    "JOIN ppm.hooks h ON h.schema_name = s.nspname AND h.table_name = t.relname "
    "AND h.event = d.event AND h.function = d.function "
    "JOIN pg_class r ON r.oid = d.relation JOIN pg_namespace n ON n.oid = r.relnamespace "
    "WHERE d.parent = ANY ($1) AND r.relispartition = (d.event = 'after_create') "
    "ORDER BY d.queued_at, d.relation, h.position, h.function";

constexpr char queue_statement[] =
    "INSERT INTO ppm.pending_hooks (parent, relation, event, function, lower_value, upper_value) "
    "SELECT $1, $2, h.event, h.function, $5, $6 FROM ppm.hooks h "
    "WHERE h.schema_name = $3 AND h.table_name = $4 AND h.event = 'after_create' "
    "ON CONFLICT DO NOTHING";

constexpr char queue_detached_statement[] =
    "INSERT INTO ppm.pending_hooks (parent, relation, event, function, lower_value, upper_value) "
    "SELECT d.parent, d.relation, h.event, h.function, d.lower_value, d.upper_value "
    "FROM ppm.detached d JOIN ppm.hooks h ON h.schema_name = d.schema_name "
    "AND h.table_name = d.table_name WHERE d.relation = $1 AND h.event = 'after_detach' "
    "AND d.kind = 'removed' ON CONFLICT DO NOTHING";

constexpr char lock_statement[] =
    "SELECT d.relation FROM ppm.pending_hooks d JOIN pg_class r ON r.oid = d.relation "
    "WHERE d.parent = $1 AND d.event = $2 AND d.function = $3 "
    "AND (d.relation = $4 OR $4 = 0 AND d.lower_value = $5 AND d.upper_value = $6) "
    "AND (d.event = 'after_detach' OR EXISTS (SELECT FROM pg_inherits i "
    "WHERE i.inhrelid = d.relation AND i.inhparent = d.parent)) "
    "ORDER BY d.queued_at DESC LIMIT 1 FOR UPDATE OF d";

HookEvent event_named(const std::string& name) {
    for (const HookEvent event : {HookEvent::after_create, HookEvent::before_detach,
                                  HookEvent::after_detach, HookEvent::before_drop})
        if (name_of(event) == name)
            return event;
    throw PpmError{ERRCODE_DATA_CORRUPTED, "unrecognized event in ppm.hooks: " + name};
}

Parameter event_parameter(HookEvent event) {
    return text_parameter(std::string{name_of(event)});
}

void read_pending(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations) {
    for (const auto& [relation, event, function, partition, schema_name, name, lower, upper] :
         query(pending_query, {oid_array_parameter(relations)})
             .as<Oid, std::string, std::string, Oid, std::string, std::string, std::string,
                 std::string>()) {
        Parent& parent = *parents.at(relation);
        const KeyType type = *parent.table->key_type;
        const BoundRange bounds{bound_of_text(lower, type), bound_of_text(upper, type)};
        parent.pending_hooks.push_back(
            {event_named(event), function, {partition, schema_name, name, bounds, false}});
    }
}

}  // namespace

void read_hooks(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations) {
    if (!may_have_own_rows("hooks"))
        return;
    const UserContext owner{owner_of_ppm()};
    for (const auto& [relation, event, function, problem, hash] :
         query(hooks_query, {oid_array_parameter(relations)})
             .as<Oid, std::string, std::string, std::string, std::int64_t>()) {
        Parent& parent = *parents.at(relation);
        parent.hooks.push_back({event_named(event), function, problem});
        parent.configuration.row_hash ^= hash;
    }
}

void read_pending_hooks(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations) {
    if (!may_have_own_rows("pending_hooks"))
        return;
    const UserContext owner{owner_of_ppm()};
    read_pending(parents, relations);
}

HookFunction hook_function(const std::string& function, Oid table_owner) {
    const auto [name, problem, oid] =
        query(function_query, {text_parameter(function), oid_parameter(table_owner)})
            .row<std::string, std::string, Oid>();
    return {name, problem, oid};
}

void queue_after_create(const ManagedParent& managed, RelationId relation,
                        const BoundRange& bounds) {
    if (!may_have_own_rows("hooks"))
        return;
    const Configuration& configuration = managed.parent.configuration;
    const ShownBounds shown = shown_bounds(managed, bounds);
    const UserContext owner{owner_of_ppm()};
    execute(queue_statement,
            {oid_parameter(managed.parent.table->relation), oid_parameter(relation),
             text_parameter(configuration.schema_name), text_parameter(configuration.table_name),
             text_parameter(shown.lower_value), text_parameter(shown.upper_value)});
}

void queue_after_detach(RelationId relation) {
    if (!may_have_own_rows("hooks"))
        return;
    const UserContext owner{owner_of_ppm()};
    execute(queue_detached_statement, {oid_parameter(relation)});
}

std::optional<RelationId> lock_pending_hook(const ManagedParent& managed, HookEvent event,
                                            const std::string& function,
                                            const Partition& partition) {
    const ShownBounds shown = shown_bounds(managed, partition.bounds);
    const UserContext owner{owner_of_ppm()};
    return query_to_change(lock_statement,
                           {oid_parameter(managed.parent.table->relation), event_parameter(event),
                            text_parameter(function), oid_parameter(partition.relation),
                            text_parameter(shown.lower_value), text_parameter(shown.upper_value)})
        .first_value<Oid>();
}

void forget_pending_hook(RelationId relation, HookEvent event, const std::string& function) {
    const UserContext owner{owner_of_ppm()};
    execute("DELETE FROM ppm.pending_hooks WHERE relation = $1 AND event = $2 AND function = $3",
            {oid_parameter(relation), event_parameter(event), text_parameter(function)});
}

bool has_pending_hook(RelationId relation, HookEvent event) {
    if (!may_have_own_rows("pending_hooks"))
        return false;
    const UserContext owner{owner_of_ppm()};
    return query(
               "SELECT FROM ppm.pending_hooks d JOIN pg_class t ON t.oid = d.parent "
               "JOIN pg_namespace s ON s.oid = t.relnamespace "
               "JOIN ppm.hooks h ON h.schema_name = s.nspname AND h.table_name = t.relname "
               "AND h.event = d.event AND h.function = d.function "
               "WHERE d.relation = $1 AND d.event = $2",
               {oid_parameter(relation), event_parameter(event)})
               .count() > 0;
}

void forget_after_detach(RelationId relation) {
    if (!may_have_own_rows("pending_hooks"))
        return;
    const UserContext owner{owner_of_ppm()};
    execute("DELETE FROM ppm.pending_hooks WHERE relation = $1 AND event = 'after_detach'",
            {oid_parameter(relation)});
}

void prune_pending_hooks() {
    if (!may_have_own_rows("pending_hooks"))
        return;
    const UserContext owner{owner_of_ppm()};
    execute(
        "DELETE FROM ppm.pending_hooks d "
        "WHERE NOT EXISTS (SELECT FROM pg_class r WHERE r.oid = d.relation) OR NOT EXISTS "
        "(SELECT FROM ppm.hooks h JOIN pg_namespace s ON s.nspname = h.schema_name "
        "JOIN pg_class t ON t.relnamespace = s.oid AND t.relname = h.table_name "
        "WHERE t.oid = d.parent AND h.event = d.event AND h.function = d.function)");
}

std::string hooks_named(const TableName& name) {
    if (!may_have_own_rows("hooks"))
        return {};
    const UserContext owner{owner_of_ppm()};
    return query(
               "SELECT coalesce(string_agg(concat(event, ' ', function), ', ' ORDER BY event, "
               "position, function), '') FROM ppm.hooks WHERE schema_name = $1 AND table_name = $2",
               {text_parameter(name.schema_name), text_parameter(name.table_name)})
        .value<std::string>();
}

void rename_hooks(const TableName& before, const TableName& name) {
    if (!may_have_own_rows("hooks"))
        return;
    const UserContext owner{owner_of_ppm()};
    execute(
        "UPDATE ppm.hooks SET schema_name = $3, table_name = $4 "
        "WHERE schema_name = $1 AND table_name = $2",
        {text_parameter(before.schema_name), text_parameter(before.table_name),
         text_parameter(name.schema_name), text_parameter(name.table_name)});
}

}  // namespace ppm
