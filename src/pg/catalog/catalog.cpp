#include "pg/catalog/catalog.hpp"

#include "core/grid/interval.hpp"
#include "core/text.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/bridge/sqlstate.hpp"
#include "pg/catalog/configured_relations.hpp"
#include "pg/catalog/distributed.hpp"
#include "pg/catalog/greatest_key.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/referring_parents.hpp"
#include "pg/catalog/template.hpp"
#include "pg/records/clock_reference.hpp"
#include "pg/records/hooks.hpp"
#include "pg/records/ledger.hpp"

namespace ppm {

namespace {

// A key's attribute number is 0 where the key is an expression; an operator class of another type's
// is one that the key is only binary-compatible with.
// Before 1.1.0 the interval was an enumeration, and there was no origin, no encoding and no delay.
constexpr char parents_query[] = R"(
    SELECT c.schema_name, c.table_name, c.partition_key, c.interval::text, j.config ->> 'origin',
           j.config ->> 'key_encoding', (j.config ->> 'key_epoch')::timestamptz, (j.config ->> 'key_shift')::integer,
           c.pre_provisioned, c.retention, c.cleanup_policy::text, c.timezone, c.partition_options,
           r.oid, r.relowner, t.partstrat,
           t.partnatts = 1 AND k.attnum IS NOT NULL, k.attname, k.atttypid, format_type(k.atttypid, NULL),
           o.opcdefault AND (o.opcintype = k.atttypid OR k.atttypid = 'varchar'::regtype AND o.opcintype = 'text'::regtype),
           -- "C" and "POSIX"
           t.partcollation[0] IN (0, 950, 951), r.relpersistence = 't', r.relkind = 'r' AND NOT r.relispartition,
           CASE WHEN (j.config ->> 'drop_delay')::interval <> interval '0' THEN j.config ->> 'drop_delay' END,
           j.config ->> 'archive_schema', coalesce((j.config ->> 'analyze_parent')::boolean, false),
           j.config ->> 'template'
    FROM ppm.config c
    CROSS JOIN LATERAL (SELECT to_jsonb(c) AS config) j
    LEFT JOIN (pg_namespace n JOIN pg_class r ON r.relnamespace = n.oid)
           ON n.nspname = c.schema_name AND r.relname = c.table_name
    LEFT JOIN pg_partitioned_table t ON t.partrelid = r.oid
    LEFT JOIN pg_attribute k
           ON k.attrelid = t.partrelid AND k.attnum = t.partattrs[0] AND k.attnum > 0
    LEFT JOIN pg_opclass o ON o.oid = t.partclass[0]
    WHERE ($1 IS NULL OR r.oid = $1)
      AND ($2 IS NULL OR c.schema_name = $2)
      AND ($3 IS NULL OR c.table_name = $3)
    ORDER BY c.schema_name, c.table_name)";

enum ParentColumn {
    schema_name = 1,
    table_name,
    partition_key,
    interval,
    origin,
    key_encoding,
    key_epoch,
    key_shift,
    pre_provisioned,
    retention,
    cleanup_policy,
    timezone_name,
    partition_options,
    relation_id,
    owner,
    strategy,
    has_plain_key,
    key_column,
    key_type,
    key_type_text,
    has_default_order,
    has_byte_order,
    is_temporary,
    is_plain,
    drop_delay,
    archive_schema,
    analyze_parent,
    template_name,
};

// Each relation of $1 with all that it is a partition of, also where it is being detached.
constexpr char distributed_query[] = R"(
    WITH RECURSIVE above AS (
        SELECT d AS distributed, d AS relation FROM unnest($1) AS d
        UNION
        SELECT a.distributed, i.inhparent FROM above a JOIN pg_inherits i ON i.inhrelid = a.relation)
    SELECT a.relation, n.nspname, r.relname
    FROM above a JOIN pg_class r ON r.oid = a.distributed JOIN pg_namespace n ON n.oid = r.relnamespace
    ORDER BY a.distributed <> a.relation, a.distributed)";

constexpr char partitions_query[] = R"(
    SELECT i.inhparent, r.oid, n.nspname, r.relname, i.inhdetachpending, r.relpartbound,
           -- The first table of its tree that belongs to another role than the parent.
           CASE WHEN r.relkind = 'p' OR r.relowner <> p.relowner THEN (
               WITH RECURSIVE tree AS (
                   SELECT r.oid, r.relnamespace, r.relname, r.relowner
                   UNION ALL
                   SELECT c.oid, c.relnamespace, c.relname, c.relowner
                   FROM tree JOIN pg_inherits h ON h.inhparent = tree.oid JOIN pg_class c ON c.oid = h.inhrelid)
               SELECT ARRAY[concat(s.nspname, '.', tree.relname), pg_get_userbyid(tree.relowner), pg_get_userbyid(p.relowner),
                            format('ALTER TABLE %I.%I OWNER TO %I;', s.nspname, tree.relname, pg_get_userbyid(p.relowner))]
               FROM tree JOIN pg_namespace s ON s.oid = tree.relnamespace
               WHERE tree.relowner <> p.relowner LIMIT 1) END
    FROM pg_inherits i
    JOIN pg_class p ON p.oid = i.inhparent
    JOIN pg_class r ON r.oid = i.inhrelid
    JOIN pg_namespace n ON n.oid = r.relnamespace
    WHERE i.inhparent = ANY ($1))";

Configuration configuration_in(const Rows& rows, std::size_t row) {
    Configuration result{};
    result.schema_name = rows.string(row, schema_name);
    result.table_name = rows.string(row, table_name);
    if (!rows.is_null(row, partition_key))
        result.partition_key = rows.string(row, partition_key);
    const std::string name = rows.string(row, interval);
    const auto begin =
        rows.is_null(row, origin) ? std::nullopt : std::optional{rows.string(row, origin)};
    if (const auto grid = grid_from(name, begin))
        result.interval = *grid;
    else
        result.interval = UnreadInterval{name, begin};
    if (!rows.is_null(row, key_encoding))
        result.key_encoding = key_encoding_named(rows.string(row, key_encoding));
    if (!rows.is_null(row, key_epoch))
        result.key_epoch = to_instant(DatumGetTimestampTz(rows.datum(row, key_epoch)));
    if (!rows.is_null(row, key_shift))
        result.key_shift = rows.integer(row, key_shift);
    result.pre_provisioned = rows.integer(row, pre_provisioned);
    if (!rows.is_null(row, retention))
        result.retention = rows.integer(row, retention);
    result.cleanup_policy =
        rows.string(row, cleanup_policy) == "drop" ? CleanupPolicy::drop : CleanupPolicy::detach;
    result.timezone = rows.string(row, timezone_name);
    result.partition_options = rows.strings(row, partition_options);
    if (!rows.is_null(row, drop_delay))
        result.drop_delay = rows.string(row, drop_delay);
    if (!rows.is_null(row, archive_schema))
        result.archive_schema = rows.string(row, archive_schema);
    result.analyze_parent = rows.boolean(row, analyze_parent);
    if (!rows.is_null(row, template_name))
        result.template_name = rows.string(row, template_name);
    return result;
}

std::optional<Table> table_in(const Rows& rows, std::size_t row) {
    if (rows.is_null(row, relation_id))
        return std::nullopt;
    Table table{};
    table.relation = rows.oid(row, relation_id);
    table.owner = rows.oid(row, owner);
    table.is_temporary = rows.boolean(row, is_temporary);
    table.is_plain = rows.boolean(row, is_plain);
    if (rows.is_null(row, strategy))
        return table;
    table.strategy = rows.character(row, strategy) == PARTITION_STRATEGY_RANGE ? Strategy::range
                                                                               : Strategy::other;
    table.has_plain_key = rows.boolean(row, has_plain_key);
    if (!table.has_plain_key)
        return table;
    table.key_column = rows.string(row, key_column);
    table.key_type = key_type_of(rows.oid(row, key_type));
    table.key_type_name = rows.string(row, key_type_text);
    table.has_default_order = rows.boolean(row, has_default_order);
    table.has_byte_order = rows.boolean(row, has_byte_order);
    return table;
}

std::vector<Oid> all_distributed_relations() {
    std::vector<Oid> relations;
    const List* const list = call(distributed_relations);
    relations.reserve(static_cast<std::size_t>(list_length(list)));
    for (int i = 0; i < list_length(list); ++i)
        relations.push_back(list_nth_oid(list, i));
    return relations;
}

// Finds out which parents are distributed, or have a partition that is, at any level.
void read_distributed(std::vector<ManagedParent>& parents) {
    const std::vector<Oid> relations = all_distributed_relations();
    if (relations.empty())
        return;
    std::map<Oid, std::string> distributed;
    const Rows rows = query(distributed_query, {oid_array_parameter(relations)});
    for (std::size_t row = 0; row < rows.count(); ++row)
        distributed.emplace(rows.oid(row, 1),
                            TableName{rows.string(row, 2), rows.string(row, 3)}.qualified());
    for (ManagedParent& managed : parents)
        if (auto& table = managed.parent.table)
            if (const auto found = distributed.find(table->relation); found != distributed.end())
                table->distributed = found->second;
}

std::vector<ManagedParent> read(std::optional<Oid> relation,
                                const std::optional<std::string>& schema,
                                const std::optional<std::string>& table) {
    const Rows rows = query(
        parents_query, {oid_parameter(relation), text_parameter(schema), text_parameter(table)});
    std::vector<ManagedParent> parents;
    for (std::size_t row = 0; row < rows.count(); ++row) {
        ManagedParent managed{};
        managed.parent.configuration = configuration_in(rows, row);
        managed.parent.table = table_in(rows, row);
        managed.zone = ServerTimeZone::named(managed.parent.configuration.timezone);
        managed.parent.timezone_known = managed.zone.has_value();
        parents.push_back(std::move(managed));
    }
    read_configured_relations(parents);
    read_distributed(parents);
    return parents;
}

void add_partition(Parent& parent, const Rows& rows, std::size_t row) {
    Partition partition{rows.oid(row, 2), rows.string(row, 3), rows.string(row, 4),
                        BoundRange{Bound::min_value(), Bound::max_value()}, rows.boolean(row, 5)};
    if (const std::vector<std::string> stranger = rows.strings(row, 7); !stranger.empty())
        partition.stranger = {stranger[0], stranger[1], stranger[2], stranger[3]};
    const auto bounds = read_partition_bound(rows.datum(row, 6), *parent.table->key_type);
    if (!bounds) {
        parent.default_partition = std::move(partition);
        return;
    }
    partition.bounds = *bounds;
    parent.partitions.push_back(std::move(partition));
}

// Whether the row still says the same of the same relation. That its owner has written it again
// changes nothing.
bool means_the_same(const Parent& now, const Parent& before) {
    const auto relation_of = [](const auto& of) {
        return of ? std::optional{of->relation} : std::nullopt;
    };
    return relation_of(now.table) == relation_of(before.table) &&
           relation_of(now.configured) == relation_of(before.configured);
}

}  // namespace

bool is_configuration(Relation relation) {
    const Oid config =
        call([] { return get_relname_relid("config", get_namespace_oid("ppm", false)); });
    return RelationGetRelid(relation) == config;
}

std::vector<ManagedParent> read_parents(std::optional<Oid> relation) {
    std::vector<ManagedParent> parents = read(relation, std::nullopt, std::nullopt);
    if (relation && parents.empty()) {
        const char* const name = call([&] {
            return DatumGetCString(DirectFunctionCall1(regclassout, ObjectIdGetDatum(*relation)));
        });
        throw PpmError{errcode_invalid_configuration,
                       "table " + in_quotes(name) + " is not configured",
                       {},
                       "Insert a row for it into ppm.config."};
    }
    return parents;
}

std::optional<ManagedParent> read_parent(const TableName& name) {
    std::vector<ManagedParent> parents = read(std::nullopt, name.schema_name, name.table_name);
    return parents.empty() ? std::nullopt : std::optional{std::move(parents.front())};
}

void require_same_configuration(const Parent& parent) {
    const Configuration& before = parent.configuration;
    const auto now = read_parent(before.name());
    if (!now || now->parent.configuration != before || !means_the_same(now->parent, parent) ||
        !validate(now->parent).empty())
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "the configuration of table " + in_quotes(before.qualified_name()) +
                           " was changed concurrently",
                       {},
                       "Call the procedure again."};
}

bool is_partition(RelationId relation, RelationId parent, KeyType type, const BoundRange& bounds) {
    const Rows rows = query(
        "SELECT r.relpartbound FROM pg_class r JOIN pg_inherits i ON i.inhrelid = r.oid "
        "WHERE r.oid = $1 AND i.inhparent = $2 AND r.relispartition AND NOT i.inhdetachpending",
        {oid_parameter(relation), oid_parameter(parent)});
    return rows.count() == 1 && read_partition_bound(rows.datum(0, 1), type) == bounds;
}

void require_same_bounds(const ManagedParent& managed, const Partition& partition) {
    const Table& table = *managed.parent.table;
    if (!is_partition(partition.relation, table.relation, *table.key_type, partition.bounds))
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "partition " + in_quotes(partition.name) +
                           " was detached or attached again concurrently",
                       {},
                       "Call the procedure again."};
}

void read_partitions(std::vector<ManagedParent>& parents, Look look) {
    std::map<Oid, Parent*> by_relation;
    std::vector<Oid> relations;
    for (ManagedParent& managed : parents)
        if (validate(managed.parent).empty()) {
            by_relation[managed.parent.table->relation] = &managed.parent;
            relations.push_back(managed.parent.table->relation);
        }
    if (relations.empty())
        return;

    const Rows rows = query(partitions_query, {oid_array_parameter(relations)});
    WorkMemory memory{"ppm partition bounds"};
    for (std::size_t row = 0; row < rows.count(); ++row) {
        add_partition(*by_relation.at(rows.oid(row, 1)), rows, row);
        memory.reset();
    }
    read_detached(by_relation, relations);
    read_kept(by_relation);
    read_hooks(by_relation, relations);
    for (const auto& [relation, parent] : by_relation)
        read_template(*parent);
    read_clock_references(parents);
    for (const auto& [relation, parent] : by_relation)
        std::ranges::sort(parent->partitions, {},
                          [](const Partition& each) { return each.bounds.lower; });
    read_greatest_keys(by_relation, look);
    read_referring_parents(parents);
}

std::vector<ManagedParent> read_with_partitions(std::optional<Oid> relation, Look look) {
    std::vector<ManagedParent> parents = read_parents(relation);
    read_partitions(parents, look);
    return parents;
}

}  // namespace ppm
