#include "pg/repartition/targets.hpp"

#include "core/grid/naming.hpp"
#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/scan.hpp"
#include "pg/catalog/template.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/definitions.hpp"
#include "pg/ddl/effects.hpp"
#include "pg/ddl/inherited_properties.hpp"
#include "pg/ddl/names.hpp"
#include "pg/ddl/template.hpp"
#include "pg/repartition/copy.hpp"
#include "pg/run/report.hpp"
#include "pg/run/session.hpp"

namespace ppm {

namespace {

// The parent's indexes, and the constraints that some of them belong to.
constexpr char indexes_query[] = R"(
    SELECT x.indexrelid, x.indisunique, i.relname,
           CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' ELSE '' END,
           concat(CASE WHEN k.condeferrable THEN ' DEFERRABLE' END, CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' END)
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid AND k.contype IN ('p', 'u') AND k.conrelid = x.indrelid
    WHERE x.indrelid = $1 AND (x.indexrelid = $2) = $3 ORDER BY x.indexrelid)";

constexpr char foreign_keys_query[] =
    "SELECT quote_ident(conname) || ' ' || pg_get_constraintdef(oid), confrelid "
    "FROM pg_constraint WHERE conrelid = $1 AND contype = 'f' AND confrelid <> 0 "
    // If the other table is partitioned, PostgreSQL itself makes the keys for its partitions.
    "AND NOT EXISTS (SELECT FROM pg_constraint p WHERE p.oid = pg_constraint.conparentid "
    "AND p.conrelid = pg_constraint.conrelid) ORDER BY oid";

// Those on both tables, and on the other one's partitions.
#define WITH_FOREIGN_KEYS                                                                         \
    "WITH RECURSIVE key AS (SELECT oid FROM pg_constraint WHERE conrelid = ANY ($1) AND contype " \
    "= 'f' UNION SELECT c.oid FROM key JOIN pg_constraint c ON c.conparentid = key.oid) "
#define OF_FOREIGN_KEYS "tgisinternal AND tgconstraint IN (SELECT oid FROM key) "

// Enables, or else disables, if $2, on the tables $3.
constexpr char set_foreign_key_triggers_statement[] = WITH_FOREIGN_KEYS
    "UPDATE pg_trigger SET tgenabled = CASE WHEN $2 THEN 'O' ELSE 'D' END::\"char\" "
    "WHERE " OF_FOREIGN_KEYS
    "AND tgrelid = ANY ($3) "
    "AND tgenabled = CASE WHEN $2 THEN 'D' ELSE 'O' END::\"char\"";

constexpr char enabled_on_query[] = WITH_FOREIGN_KEYS
    "SELECT DISTINCT tgrelid FROM pg_trigger WHERE " OF_FOREIGN_KEYS "AND tgenabled = 'O'";

// Where triggers of the targets' foreign keys are enabled.
std::vector<Oid> tables_with_triggers(const std::vector<Oid>& targets) {
    return query(enabled_on_query, {oid_array_parameter(targets)}).values<Oid>();
}

void set_foreign_key_triggers(const std::vector<Oid>& targets, bool enabled,
                              const std::vector<Oid>& tables) {
    // ALTER TABLE would also need a superuser for this, and the triggers' names.
    const UserContext superuser{BOOTSTRAP_SUPERUSERID};
    execute(set_foreign_key_triggers_statement, {oid_array_parameter(targets),
                                                 {BOOLOID, BoolGetDatum(enabled), false},
                                                 oid_array_parameter(tables)});
    for (const Oid relation : tables)
        call([=] { CacheInvalidateRelcacheByRelid(relation); });
    call([] { CommandCounterIncrement(); });
}

// The definition without the names that come first: names may contain anything.
std::string definition_after_names(Oid owner, Oid index, Oid table) {
    const std::string whole = index_definition_with_tablespace(owner, index);
    return call([&] {
        const char* const definition = whole.c_str();
        const bool is_unique = strncmp(definition, "CREATE UNIQUE ", 14) == 0;
        const char* const name = quote_identifier(get_rel_name(index));
        const char* const relation = quote_qualified_identifier(
            get_namespace_name(get_rel_namespace(table)), get_rel_name(table));
        for (const char* const only : {"ONLY ", ""}) {
            const char* const before = psprintf("CREATE %sINDEX %s ON %s%s ",
                                                is_unique ? "UNIQUE " : "", name, only, relation);
            if (strncmp(definition, before, strlen(before)) == 0)
                return pstrdup(definition + strlen(before));
        }
        elog(ERROR, "could not read the definition of index %s", name);
    });
}

// Named like PostgreSQL does: the table's name, and the rest of the parent index's name.
std::string index_name(const ManagedParent& managed, const std::string& table,
                       const std::string& index) {
    const std::string& parent = managed.parent.configuration.table_name;
    const std::string label =
        index.starts_with(parent + "_") ? index.substr(parent.size() + 1) : index;
    return call([&] {
        return ChooseRelationName(table.c_str(), nullptr, label.c_str(),
                                  get_rel_namespace(managed.parent.table->relation), true);
    });
}

void create_indexes(const ManagedParent& managed, Oid relation, const std::string& final_name,
                    Oid key_index, bool is_key) {
    const Oid parent = managed.parent.table->relation;
    const std::string table = qualified_name(relation);
    const Rows rows = query(
        indexes_query,
        {oid_parameter(parent), oid_parameter(key_index), {BOOLOID, BoolGetDatum(is_key), false}});
    for (const auto& [index, is_unique, parents_name, constraint, deferral] :
         rows.as<Oid, bool, std::string, std::string, std::string>()) {
        const std::string name = index_name(managed, final_name, parents_name);
        execute_as_owner(managed.parent,
                         std::string{"CREATE "} + (is_unique ? "UNIQUE " : "") + "INDEX " +
                             identifier(name) + " ON " + table + " " +
                             definition_after_names(managed.parent.table->owner, index, parent),
                         INT_MAX);
        if (!constraint.empty())
            execute_as_owner(managed.parent, std::string{"ALTER TABLE "}
                                                 .append(table)
                                                 .append(" ADD CONSTRAINT ")
                                                 .append(identifier(name))
                                                 .append(" ")
                                                 .append(constraint)
                                                 .append(" USING INDEX ")
                                                 .append(identifier(name))
                                                 .append(deferral));
    }
}

Oid only_index_of(Oid relation) {
    return call([=] {
        CommandCounterIncrement();
        const Relation table = table_open(relation, NoLock);
        const List* const indexes = RelationGetIndexList(table);
        if (list_length(indexes) != 1)
            elog(ERROR, "table \"%s\" does not have one index", RelationGetRelationName(table));
        const Oid index = linitial_oid(indexes);
        table_close(table, NoLock);
        return index;
    });
}

void add_foreign_keys(const ManagedParent& managed, Oid relation) {
    const auto read = [&] {
        return query(foreign_keys_query, {oid_parameter(managed.parent.table->relation)});
    };
    std::vector<Oid> referenced;
    for (const auto& [definition, table_referenced] : read().as<std::string, Oid>())
        referenced.push_back(table_referenced);
    if (referenced.empty())
        return;
    // The definitions have names, which must mean these tables.
    lock_schema_names(referenced);
    lock_all(referenced, ShareRowExclusiveLock, lock_timeout());
    const std::string table = qualified_name(relation);
    for (const auto& [definition, table_referenced] : read().as<std::string, Oid>())
        execute_as_owner(managed.parent, std::string{"ALTER TABLE "}
                                             .append(table)
                                             .append(" ADD CONSTRAINT ")
                                             .append(definition));
    // NOT VALID would not help: because of copied rows that are in no partition yet, a DELETE in
    // the referenced table would fail, or cascade to those rows.
    set_foreign_key_triggers({relation}, false, tables_with_triggers({relation}));
}

void add_policies(const ManagedParent& managed, Oid relation, const std::string& name) {
    const std::string& schema = managed.parent.configuration.schema_name;
    for (const std::string& statement : policy_statements(managed.parent, schema, name))
        execute_as_owner(managed.parent, statement);
    require_same_policies(managed.parent, relation);
}

// The start of each slot that the relation's rows lie in, found without the planner. The scan
// allocates no C++ memory, because an ereport may leave it in the middle.
std::vector<Position> slots_with_rows(const ManagedParent& managed, Oid relation) {
    const Table& table = *managed.parent.table;
    const KeyCodec codec = codec_of(managed);
    const Grid& grid = managed.parent.configuration.grid();
    struct Found {
        Position start;
        BoundRange range;
    };
    std::vector<Found> found;
    found.reserve(max_move_targets);
    const auto note = [&](Bound key) {
        const auto after = std::ranges::upper_bound(
            found, key, {}, [](const Found& each) { return each.range.lower; });
        if (after != found.begin() && key < std::prev(after)->range.upper)
            return false;
        if (const auto slot = slot_of_key(key, codec, grid))
            found.insert(after,
                         {slot->lower, {codec.encode(slot->lower), codec.encode(slot->upper)}});
        return found.size() == max_move_targets;
    };
    call([&] {
        const Relation source = table_open(relation, AccessShareLock);
        const AttrNumber attribute =
            require_key_attribute(source, table.key_column.c_str(), *table.key_type);
        any_row(source, [&](TupleTableSlot* slot) {
            bool is_null = false;
            const Datum value = slot_getattr(slot, attribute, &is_null);
            return !is_null && note(bound_of_value(value, *table.key_type));
        });
        table_close(source, NoLock);
    });
    std::vector<Position> starts;
    starts.reserve(found.size());
    for (const Found& each : found)
        starts.push_back(each.start);
    return starts;
}

void require_names(const ManagedParent& managed, const MovePlan& plan) {
    std::set<std::string> freed;
    for (const Partition& source : plan.sources)
        freed.insert(source.name);
    for (const MoveTarget& target : plan.targets) {
        if (target.name.size() > max_name_bytes)
            throw PpmError{ERRCODE_NAME_TOO_LONG,
                           "partition name " + in_quotes(target.name) + " is too long",
                           {},
                           "Rename the table to something shorter."};
        if (!freed.contains(target.name) &&
            relation_exists(managed.parent.configuration.schema_name, target.name))
            throw PpmError{ERRCODE_DUPLICATE_TABLE,
                           "relation " + in_quotes(target.name) + " already exists",
                           "A new partition for " + codec_of(managed).range_text(target.bounds) +
                               " needs that name.",
                           "Rename that relation, or move it to another schema."};
    }
}

// The template of a target; a default partition has none.
std::optional<RelationId> lock_models(const ManagedParent& managed, const JobTarget& target) {
    const auto from_template = lock_models(managed);
    return target.is_default ? std::nullopt : from_template;
}

}  // namespace

MovePlan plan_move(const ManagedParent& managed, const Clock& clock, const MoveRange& range) {
    const KeyCodec codec = codec_of(managed);
    MovePlan plan = plan_move(
        managed.parent, codec, windows_of(managed, clock).work, range,
        [&](const Partition& partition) { return slots_with_rows(managed, partition.relation); });
    if (plan.targets.size() >= max_move_targets)
        throw PpmError{ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                       "moving the rows of table " +
                           in_quotes(managed.parent.configuration.qualified_name()) +
                           " needs more than " + std::to_string(max_move_targets) + " partitions",
                       {},
                       "Move one range of keys at a time, with from_value and to_value."};
    require_names(managed, plan);
    return plan;
}

std::string condition_of(const ManagedParent& managed, const Job& job, const JobTarget& target) {
    return target.is_default ? "(" + job.default_condition + ") IS NOT FALSE"
                             : bounds_condition(managed, target.bounds);
}

std::optional<RelationId> lock_models(const ManagedParent& managed) {
    std::vector<Oid> models{managed.parent.table->relation};
    std::optional<RelationId> from_template;
    if (managed.parent.configuration.template_name)
        models.push_back(from_template.emplace(lock_template(managed.parent)));
    lock_used_names(models);
    return from_template;
}

void create_target(const ManagedParent& managed, const Job& job, JobTarget& target,
                   const MatchingKey& key) {
    const Configuration& configuration = managed.parent.configuration;
    lock_parent(managed.parent);
    lock_names({NamedRelation{managed.parent}});
    // The key was read without these locks.
    require_trustworthy(managed, job);
    const auto from_template = lock_models(managed, target);
    const TemplateClauses clauses =
        from_template ? template_clauses(managed.parent, *from_template) : TemplateClauses{};
    const std::string name = job.temporary_name(target);
    const std::string table = identifier(configuration.schema_name) + "." + identifier(name);
    execute_as_owner(
        managed.parent,
        std::string{"CREATE "} + (clauses.is_unlogged ? "UNLOGGED " : "") + "TABLE " + table +
            " (LIKE " + qualified_name(managed.parent.table->relation) +
            " INCLUDING ALL EXCLUDING IDENTITY EXCLUDING INDEXES EXCLUDING STATISTICS)" +
            storage_clauses(managed.parent, clauses.storage_options, clauses.tablespace));
    const Oid relation = require_created(managed.parent, name);
    for (const std::string& statement :
         statistics_statements(managed.parent, configuration.schema_name, name))
        execute_as_owner(managed.parent, statement);
    for (const std::string& statement : property_statements(managed.parent, table))
        execute_as_owner(managed.parent, statement);
    execute_as_owner(
        managed.parent,
        std::string{"ALTER TABLE "} + table + " ADD CONSTRAINT " + condition_name + " CHECK (" +
            (target.is_default ? job.default_condition : condition_of(managed, job, target)) + ")");
    create_indexes(managed, relation, target.name, key.index, true);
    add_foreign_keys(managed, relation);
    add_policies(managed, relation, name);
    target.relation = relation;
    target.key_index = only_index_of(relation);
    set_target(job, target);
}

void keep_name(const JobTarget& target) {
    const StatementTimeout timeout{statement_timeout()};
    call([&] { LockRelationOid(target.relation, AccessShareLock); });
    lock_schema_names({target.relation});
}

void complete_target(const ManagedParent& managed, const JobTarget& target,
                     const MatchingKey& key) {
    keep_name(target);
    const auto from_template = lock_models(managed, target);
    const std::string table = qualified_name(target.relation);
    create_indexes(managed, target.relation, target.name, key.index, false);
    if (from_template)
        for (const std::string& statement : template_statements(
                 managed.parent, *from_template, target.relation, table, TemplatePart::indexes))
            execute_as_owner(managed.parent, statement, INT_MAX);
    execute_as_owner(managed.parent, "ANALYZE " + table, INT_MAX);
}

void enable_foreign_key_triggers(const std::vector<Oid>& targets) {
    set_foreign_key_triggers(targets, true, targets);
}

void disable_new_foreign_key_triggers(const std::vector<Oid>& targets) {
    const std::vector<Oid> tables = tables_with_triggers(targets);
    if (tables.empty())
        return;
    const StatementTimeout timeout{statement_timeout()};
    lock_all(tables, ShareRowExclusiveLock, lock_timeout());
    set_foreign_key_triggers(targets, false, tables);
}

}  // namespace ppm
