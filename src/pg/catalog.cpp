#include "pg/catalog.hpp"

#include "core/text.hpp"
#include "pg/clock_reference.hpp"
#include "pg/ledger.hpp"
#include "pg/partition_bound.hpp"
#include "pg/scope.hpp"
#include "pg/spi.hpp"
#include "pg/sqlstate.hpp"

namespace ppm {

namespace {

// A key's attribute number is 0 where the key is an expression; an operator class of another type's
// is one that the key is only binary-compatible with.
constexpr char parents_query[] = R"(
    SELECT c.schema_name, c.table_name, c.partition_key, c.interval::text, c.pre_provisioned,
           c.retention, c.cleanup_policy::text, c.timezone, c.partition_options,
           r.oid, r.relowner, t.partstrat,
           t.partnatts = 1 AND k.attnum IS NOT NULL, k.attname, k.atttypid, format_type(k.atttypid, NULL),
           o.opcdefault AND o.opcintype = k.atttypid, r.relpersistence = 't'
    FROM ppm.config c
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
    is_temporary,
};

constexpr char partitions_query[] = R"(
    SELECT i.inhparent, r.oid, n.nspname, r.relname, i.inhdetachpending, r.relpartbound
    FROM pg_inherits i
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
    const auto known = interval_named(name);
    if (!known)
        throw PpmError{ERRCODE_INTERNAL_ERROR, "unknown interval " + in_quotes(name)};
    result.interval = *known;
    result.pre_provisioned = rows.integer(row, pre_provisioned);
    if (!rows.is_null(row, retention))
        result.retention = rows.integer(row, retention);
    result.cleanup_policy =
        rows.string(row, cleanup_policy) == "drop" ? CleanupPolicy::drop : CleanupPolicy::detach;
    result.timezone = rows.string(row, timezone_name);
    result.partition_options = rows.strings(row, partition_options);
    return result;
}

std::optional<Table> table_in(const Rows& rows, std::size_t row) {
    if (rows.is_null(row, relation_id))
        return std::nullopt;
    Table table{};
    table.relation = rows.oid(row, relation_id);
    table.owner = rows.oid(row, owner);
    table.is_temporary = rows.boolean(row, is_temporary);
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
    return table;
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
    return parents;
}

void add_partition(Parent& parent, const Rows& rows, std::size_t row) {
    Partition partition{rows.oid(row, 2), rows.string(row, 3), rows.string(row, 4),
                        BoundRange{Bound::min_value(), Bound::max_value()}, rows.boolean(row, 5)};
    const auto bounds = read_partition_bound(rows.datum(row, 6), *parent.table->key_type);
    if (!bounds) {
        parent.default_partition = std::move(partition);
        return;
    }
    partition.bounds = *bounds;
    parent.partitions.push_back(std::move(partition));
}

}  // namespace

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
    if (!now || now->parent.configuration != before)
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "the configuration of table " + in_quotes(before.qualified_name()) +
                           " was changed meanwhile",
                       {},
                       "Call the procedure again."};
}

void require_same_bounds(const ManagedParent& managed, const Partition& partition) {
    std::vector<ManagedParent> parents{managed};
    parents.front().parent.partitions.clear();
    read_partitions(parents);
    const auto same = [&](const Partition& each) {
        return each.relation == partition.relation && each.bounds == partition.bounds &&
               !each.detach_pending;
    };
    if (std::ranges::none_of(parents.front().parent.partitions, same))
        throw PpmError{
            ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "partition " + in_quotes(partition.name) + " was detached or attached anew meanwhile",
            {},
            "Call the procedure again."};
}

void read_partitions(std::vector<ManagedParent>& parents) {
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
    read_clock_references(parents);
    for (const auto& [relation, parent] : by_relation)
        std::ranges::sort(parent->partitions, {},
                          [](const Partition& each) { return each.bounds.lower; });
}

std::vector<ManagedParent> read_with_partitions(std::optional<Oid> relation) {
    std::vector<ManagedParent> parents = read_parents(relation);
    read_partitions(parents);
    return parents;
}

}  // namespace ppm
