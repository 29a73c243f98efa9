#include "pg/catalog/catalog.hpp"

#include "core/grid/interval.hpp"
#include "core/text.hpp"
#include "pg/bridge/own_objects.hpp"
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
#include "pg/records/kept.hpp"
#include "pg/records/ledger.hpp"

namespace ppm {

namespace {

// First the row of ppm.config, then the table, with 0, '' and false for missing values. A key's
// attribute number is 0 if the key is an expression. If the operator class is of another type, the
// key is only binary-compatible with it. Before 1.1.0 the interval was an enumeration, and there
// was no origin, no encoding and no delay.
constexpr char parents_query[] = R"(
    SELECT c.schema_name, c.table_name, c.partition_key, c.interval::text, j.config ->> 'origin',
           j.config ->> 'key_encoding', (j.config ->> 'key_epoch')::timestamptz, (j.config ->> 'key_shift')::integer,
           c.pre_provisioned, c.retention, c.cleanup_policy::text, c.timezone, c.partition_options,
           CASE WHEN (j.config ->> 'drop_delay')::interval <> interval '0' THEN j.config ->> 'drop_delay' ELSE '' END,
           j.config ->> 'archive_schema', coalesce((j.config ->> 'analyze_parent')::boolean, false),
           j.config ->> 'template',
           coalesce(r.oid, 0), coalesce(r.relowner, 0), coalesce(r.relpersistence = 't', false),
           coalesce(r.relkind = 'r' AND NOT r.relispartition, false), coalesce(t.partstrat, ''),
           k.attnum IS NOT NULL, coalesce(k.attname, ''), coalesce(k.atttypid, 0), coalesce(format_type(k.atttypid, NULL), ''),
           coalesce(o.opcdefault AND (o.opcintype = k.atttypid OR k.atttypid = 'varchar'::regtype AND o.opcintype = 'text'::regtype), false),
           -- "C" and "POSIX"
           k.attnum IS NULL OR t.partcollation[0] IN (0, 950, 951), hash_record_extended(c, 0)
    FROM ppm.config c
    CROSS JOIN LATERAL (SELECT to_jsonb(c) AS config) j
    -- Citus hides its shards from a query of pg_class: from this one alone, not the row of ppm.config.
    LEFT JOIN LATERAL (SELECT r.oid, r.relowner, r.relpersistence, r.relkind, r.relispartition
                       FROM pg_namespace n JOIN pg_class r ON r.relnamespace = n.oid
                       WHERE n.nspname = c.schema_name AND r.relname = c.table_name) r ON true
    LEFT JOIN pg_partitioned_table t ON t.partrelid = r.oid
    LEFT JOIN pg_attribute k
           ON k.attrelid = t.partrelid AND t.partnatts = 1 AND k.attnum = t.partattrs[0] AND k.attnum > 0
    LEFT JOIN pg_opclass o ON o.oid = t.partclass[0]
    WHERE ($1 IS NULL OR r.oid = $1)
      AND ($2 IS NULL OR c.schema_name = $2)
      AND ($3 IS NULL OR c.table_name = $3)
    ORDER BY c.schema_name, c.table_name)";

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
    FROM unnest($1) AS parent
    JOIN pg_class p ON p.oid = parent
    JOIN pg_inherits i ON i.inhparent = parent)";

// The partitions of many tables are read with all of pg_class. The partitions of one table are
// looked up by an index, however many the planner expects.
constexpr char with_all_classes[] =
    " JOIN pg_class r ON r.oid = i.inhrelid JOIN pg_namespace n ON n.oid = r.relnamespace";
constexpr char with_each_class[] =
    " JOIN LATERAL (SELECT * FROM pg_class c WHERE c.oid = i.inhrelid OFFSET 0) AS r ON true "
    "JOIN pg_namespace n ON n.oid = r.relnamespace";

Strategy strategy_of(char letter) {
    if (letter == '\0')
        return Strategy::none;
    return letter == PARTITION_STRATEGY_RANGE ? Strategy::range : Strategy::other;
}

Parent parent_of(const auto& row) {
    Configuration read{};
    Table table{};
    std::string interval;
    std::optional<std::string> origin;
    std::optional<std::string> encoding;
    std::optional<TimestampTz> epoch;
    std::string policy;
    char strategy = '\0';
    Oid key_type = InvalidOid;
    std::tie(read.schema_name, read.table_name, read.partition_key, interval, origin, encoding,
             epoch, read.key_shift, read.pre_provisioned, read.retention, policy, read.timezone,
             read.partition_options, read.drop_delay, read.archive_schema, read.analyze_parent,
             read.template_name, table.relation, table.owner, table.is_temporary, table.is_plain,
             strategy, table.has_plain_key, table.key_column, key_type, table.key_type_name,
             table.has_default_order, table.has_byte_order, read.row_hash) = row;
    if (const auto grid = grid_from(interval, origin))
        read.interval = *grid;
    else
        read.interval = UnreadInterval{interval, origin};
    if (encoding) {
        read.key_encoding = key_encoding_named(*encoding);
        if (!read.key_encoding)
            throw PpmError{ERRCODE_INTERNAL_ERROR, "unrecognized key encoding: " + *encoding};
    }
    if (epoch)
        read.key_epoch = to_instant(*epoch);
    read.cleanup_policy = policy == "drop" ? CleanupPolicy::drop : CleanupPolicy::detach;
    Parent parent{};
    parent.configuration = std::move(read);
    table.strategy = strategy_of(strategy);
    table.key_type = key_type_of(key_type);
    if (OidIsValid(table.relation))
        parent.table = std::move(table);
    return parent;
}

std::vector<ManagedParent> read(std::optional<Oid> relation,
                                const std::optional<std::string>& schema,
                                const std::optional<std::string>& table) {
    using Text = std::optional<std::string>;
    const CatalogMoment moment = catalog_moment();
    const auto time = Deadline::Clock::now();
    const Rows rows = query(
        parents_query, {oid_parameter(relation), text_parameter(schema), text_parameter(table)});
    std::vector<ManagedParent> parents;
    for (const auto& row :
         rows.as<std::string, std::string, Text, std::string, Text, Text,
                 std::optional<TimestampTz>, std::optional<std::int32_t>, std::int32_t,
                 std::optional<std::int32_t>, std::string, std::string, std::vector<std::string>,
                 std::string, Text, bool, Text, Oid, Oid, bool, bool, char, bool, std::string, Oid,
                 std::string, bool, bool, std::int64_t>()) {
        ManagedParent managed{};
        managed.moment = moment;
        managed.time = time;
        managed.parent = parent_of(row);
        managed.zone = ServerTimeZone::named(managed.parent.configuration.timezone);
        managed.parent.timezone_known = managed.zone.has_value();
        parents.push_back(std::move(managed));
    }
    read_configured_relations(parents);
    read_distributions(parents);
    return parents;
}

// Reads by name, too: with the OID alone every row of ppm.config would be looked up.
std::vector<ManagedParent> read_of_relation(Oid relation) {
    struct Name {
        const char* schema;
        const char* table;
    };
    const Name name = call([=] {
        return Name{get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation)};
    });
    if (name.schema == nullptr || name.table == nullptr)
        return {};
    return read(relation, name.schema, name.table);
}

// The default partition's bound is not kept.
void add_partition(Parent& parent, Partition partition, Datum bound) {
    const auto bounds = read_partition_bound(bound, *parent.table->key_type);
    if (!bounds) {
        parent.default_partition = std::move(partition);
        return;
    }
    partition.bounds = *bounds;
    parent.partitions.push_back(std::move(partition));
}

// Whether the row still means the same relation. It does not matter if its owner has written it
// again.
bool means_the_same(const Parent& now, const Parent& before) {
    const auto relation_of = [](const auto& of) {
        return of ? std::optional{of->relation} : std::nullopt;
    };
    return relation_of(now.table) == relation_of(before.table) &&
           relation_of(now.configured) == relation_of(before.configured);
}

// Whether all that was read of the parent is unchanged. False if it depends on more than the
// parent's relations: on rows, on Citus' catalogs, on a template. False after a minute, too: some
// data, e.g. the time of the last cleanup, changes without an invalidation message.
bool is_fresh(const ManagedParent& managed) {
    const Parent& parent = managed.parent;
    if (!parent.table || !parent.configured || parent.table->is_distributed ||
        parent.greatest_key || parent.configuration.template_name || parent.ledger_is_stale ||
        parent.is_kept_by_name || may_have_own_rows("hooks") ||
        may_have_own_rows("pending_hooks") ||
        Deadline::Clock::now() - managed.time > std::chrono::minutes{1})
        return false;
    std::vector<Oid> relations{parent.table->relation};
    for (const Partition& each : parent.partitions)
        relations.push_back(each.relation);
    for (const DetachedPartition& each : parent.detached)
        relations.push_back(each.partition.relation);
    if (parent.default_partition)
        relations.push_back(parent.default_partition->relation);
    return are_unchanged_since(managed.moment, relations);
}

}  // namespace

bool is_configuration(Relation relation) {
    const Oid config =
        call([] { return get_relname_relid("config", get_namespace_oid("ppm", false)); });
    return RelationGetRelid(relation) == config;
}

std::vector<ManagedParent> read_parents(std::optional<Oid> relation) {
    std::vector<ManagedParent> parents =
        relation ? read_of_relation(*relation) : read(std::nullopt, std::nullopt, std::nullopt);
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
    auto now = read_parent(before.name());
    if (now && now->parent.table)
        read_hooks({{now->parent.table->relation, &now->parent}}, {now->parent.table->relation});
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
    const auto bound = rows.first_value<Datum>();
    return bound && read_partition_bound(*bound, type) == bounds;
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

    const Rows rows = query(std::string{partitions_query} +
                                (relations.size() == 1 ? with_each_class : with_all_classes),
                            {oid_array_parameter(relations)});
    WorkMemory memory{"ppm partition bounds"};
    for (const auto& [parent, relation, schema_name, name, is_pending, bound, stranger] :
         rows.as<Oid, Oid, std::string, std::string, bool, Datum, std::vector<std::string>>()) {
        Partition partition{relation, schema_name, name,
                            BoundRange{Bound::min_value(), Bound::max_value()}, is_pending};
        if (!stranger.empty())
            partition.stranger = {stranger[0], stranger[1], stranger[2], stranger[3]};
        add_partition(*by_relation.at(parent), std::move(partition), bound);
        memory.reset();
    }
    read_detached(by_relation, relations);
    read_kept(by_relation);
    read_hooks(by_relation, relations);
    read_pending_hooks(by_relation, relations);
    for (const auto& [relation, parent] : by_relation)
        read_template(*parent);
    read_clock_references(parents);
    for (const auto& [relation, parent] : by_relation)
        std::ranges::sort(parent->partitions, {},
                          [](const Partition& each) { return each.bounds.lower; });
    read_greatest_keys(by_relation, look);
    read_referring_parents(parents);
}

std::vector<ManagedParent> read_again(std::optional<Oid> relation,
                                      const std::vector<ManagedParent>& before) {
    std::vector<ManagedParent> now = read_parents(relation);
    const auto is_same = [](const ManagedParent& a, const ManagedParent& b) {
        return a.parent.configuration == b.parent.configuration &&
               means_the_same(a.parent, b.parent) && is_fresh(b);
    };
    if (std::ranges::equal(now, before, is_same))
        return before;
    read_partitions(now);
    return now;
}

std::vector<ManagedParent> read_with_partitions(std::optional<Oid> relation, Look look) {
    std::vector<ManagedParent> parents = read_parents(relation);
    read_partitions(parents, look);
    return parents;
}

}  // namespace ppm
