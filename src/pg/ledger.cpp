#include "pg/ledger.hpp"

#include "core/text.hpp"
#include "pg/partition_bound.hpp"
#include "pg/rights.hpp"
#include "pg/spi.hpp"

namespace ppm {

namespace {

// Where the catalog and the ledger name the same relation, and that is either on its own, or a
// partition of the same parent whose detaching has begun; not one that ppm had detached before, and
// somebody attached and is detaching again.
#define AGREES                                                                        \
    "r.oid = d.relation AND r.relname = d.detached AND n.oid = r.relnamespace "       \
    "AND n.nspname = d.detached_schema AND CASE WHEN r.relispartition THEN EXISTS "   \
    "(SELECT FROM pg_inherits i WHERE i.inhrelid = r.oid AND i.inhparent = d.parent " \
    "AND i.inhdetachpending AND d.version IS NULL) "                                  \
    "ELSE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = r.oid) END"

// Of d.relation: changes with whatever is done to it or to a table below it, but for its rows.
#define VERSION                                                                               \
    "(WITH RECURSIVE tree AS (SELECT c.oid, c.xmin FROM pg_class c WHERE c.oid = d.relation " \
    "UNION ALL SELECT c.oid, c.xmin FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid "  \
    "JOIN pg_class c ON c.oid = i.inhrelid) "                                                 \
    "SELECT string_agg(concat(tree.oid, ':', tree.xmin), ' ' ORDER BY tree.oid) FROM tree)"

constexpr char read_query[] =
    "SELECT d.parent, d.relation, d.detached_schema, d.detached, d.lower_value, d.upper_value, "
    "d.cleanup_policy = 'drop', NOT r.relispartition, d.version IS NULL "
    "FROM ppm.detached d LEFT JOIN (pg_class r CROSS JOIN pg_namespace n) ON " AGREES
    " WHERE d.parent = ANY ($1) ORDER BY d.lower_bound";

constexpr char prune_statement[] =
    "DELETE FROM ppm.detached d WHERE d.parent = $1 AND NOT EXISTS "
    "(SELECT FROM pg_class r, pg_namespace n WHERE " AGREES ")";

constexpr char forget_statement[] =
    "DELETE FROM ppm.detached d USING pg_class r, pg_namespace n WHERE d.relation = $1 AND " AGREES;

constexpr char record_statement[] =
    "INSERT INTO ppm.detached (relation, parent, schema_name, table_name, detached_schema, "
    "detached, lower_bound, upper_bound, lower_value, upper_value, cleanup_policy) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::ppm.cleanup_policy) "
    "ON CONFLICT (relation) DO UPDATE SET parent = excluded.parent, "
    "schema_name = excluded.schema_name, table_name = excluded.table_name, "
    "detached_schema = excluded.detached_schema, detached = excluded.detached, "
    "lower_bound = excluded.lower_bound, upper_bound = excluded.upper_bound, "
    "lower_value = excluded.lower_value, upper_value = excluded.upper_value, "
    "cleanup_policy = excluded.cleanup_policy, detached_at = excluded.detached_at, version = NULL";

// Whether that is what is being detached: not one that somebody attached anew meanwhile, with other
// bounds.
bool is_pending_with(const Parent& parent, Oid relation, const BoundRange& bounds) {
    return std::ranges::any_of(parent.partitions, [&](const Partition& each) {
        return each.relation == relation && each.detach_pending && each.bounds == bounds;
    });
}

}  // namespace

void record_detach(const ManagedParent& managed, const Partition& partition, CleanupPolicy policy) {
    const Configuration& configuration = managed.parent.configuration;
    const KeyType type = *managed.parent.table->key_type;
    const KeyCodec codec{type, *managed.zone};
    const UserContext owner{owner_of_ppm()};
    execute(record_statement,
            {oid_parameter(partition.relation), oid_parameter(managed.parent.table->relation),
             text_parameter(configuration.schema_name), text_parameter(configuration.table_name),
             text_parameter(partition.schema_name), text_parameter(partition.name),
             timestamp_parameter(codec.decode(partition.bounds.lower)),
             timestamp_parameter(codec.decode(partition.bounds.upper)),
             text_parameter(bound_text(partition.bounds.lower, type, *managed.zone)),
             text_parameter(bound_text(partition.bounds.upper, type, *managed.zone)),
             text_parameter(policy == CleanupPolicy::drop ? "drop" : "detach")});
}

void confirm_detached(RelationId relation) {
    const UserContext owner{owner_of_ppm()};
    execute("UPDATE ppm.detached d SET version = " VERSION
            " FROM pg_class r, pg_namespace n WHERE d.relation = $1 AND NOT r.relispartition "
            "AND " AGREES,
            {oid_parameter(relation)});
}

void require_unchanged(const Partition& partition) {
    const UserContext owner{owner_of_ppm()};
    const Rows rows = query(
        "SELECT FROM ppm.detached d WHERE d.relation = $1 "
        "AND d.version = " VERSION,
        {oid_parameter(partition.relation)});
    if (rows.count() == 0)
        throw PpmError{ERRCODE_OBJECT_IN_USE,
                       "table " + in_quotes(partition.qualified_name()) +
                           " was changed after ppm had detached it, and is not dropped",
                       {},
                       "Look what became of it, then drop it, or delete its row from ppm.detached "
                       "to keep it."};
}

void forget_detached(const Partition& partition) {
    const UserContext owner{owner_of_ppm()};
    if (execute(forget_statement, {oid_parameter(partition.relation)}) != 1)
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "ppm.detached and the catalog do not agree on table " +
                           in_quotes(partition.qualified_name()) + " any more",
                       {},
                       "Call the procedure again."};
}

void prune_detached(const Parent& parent) {
    const UserContext owner{owner_of_ppm()};
    execute(prune_statement, {oid_parameter(parent.table->relation)});
}

void prune_detached() {
    const UserContext owner{owner_of_ppm()};
    execute(
        "DELETE FROM ppm.detached d "
        "WHERE NOT EXISTS (SELECT FROM pg_class r WHERE r.oid = d.relation)");
}

void read_detached(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations) {
    const UserContext owner{owner_of_ppm()};
    const Rows rows = query(read_query, {oid_array_parameter(relations)});
    for (std::size_t row = 0; row < rows.count(); ++row) {
        Parent& parent = *parents.at(rows.oid(row, 1));
        if (rows.is_null(row, 8)) {
            parent.ledger_is_stale = true;
            continue;
        }
        const KeyType type = *parent.table->key_type;
        const BoundRange bounds{bound_of_text(rows.string(row, 5), type),
                                bound_of_text(rows.string(row, 6), type)};
        if (!rows.boolean(row, 8) && !is_pending_with(parent, rows.oid(row, 2), bounds)) {
            parent.ledger_is_stale = true;
            continue;
        }
        parent.detached.push_back(
            {{rows.oid(row, 2), rows.string(row, 3), rows.string(row, 4), bounds, false},
             rows.boolean(row, 7) ? CleanupPolicy::drop : CleanupPolicy::detach,
             rows.boolean(row, 8),
             rows.boolean(row, 8) && rows.boolean(row, 9)});
    }
}

}  // namespace ppm
