#include "pg/records/ledger.hpp"

#include "core/text.hpp"
#include "pg/bridge/own_objects.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/rows.hpp"
#include "pg/catalog/shown_bounds.hpp"
#include "pg/records/fingerprint.hpp"
#include "pg/records/hooks.hpp"

namespace ppm {

namespace {

// Where the relation of the ledger is there, under whatever name, and is either on its own, or a
// partition of the same parent whose detaching has begun; not one that ppm had detached before, and
// somebody attached and is detaching again. That it is the very relation, and not one that got its
// OID, is for what the fingerprint says.
#define AGREES                                                                                  \
    "r.oid = d.relation AND n.oid = r.relnamespace AND CASE WHEN r.relispartition THEN EXISTS " \
    "(SELECT FROM pg_inherits i WHERE i.inhrelid = r.oid AND i.inhparent = d.parent "           \
    "AND i.inhdetachpending AND d.version IS NULL) "                                            \
    "ELSE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = r.oid) END"

// An entry that ppm detached and was to keep.
#define WAS_KEPT "d.cleanup_policy = 'detach' AND d.version IS NOT NULL"

constexpr char read_query[] =
    "SELECT d.parent, d.relation, n.nspname, r.relname, d.lower_value, d.upper_value, "
    "d.cleanup_policy = 'drop', NOT r.relispartition, d.version IS NULL, "
    "coalesce(to_jsonb(d) ->> 'kind' = 'repartitioned', false), "
    "CASE WHEN (to_jsonb(d) ->> 'drop_after')::timestamptz > clock_timestamp() "
    "THEN (to_jsonb(d) ->> 'drop_after')::timestamptz::text END, "
    "to_jsonb(d) ->> 'archived_from', "
    "(d.detached_schema, d.detached) IS DISTINCT FROM (n.nspname, r.relname) "
    "FROM ppm.detached d LEFT JOIN (pg_class r CROSS JOIN pg_namespace n) ON " AGREES
    " WHERE d.parent = ANY ($1)";

// The entries of a parent that the catalog contradicts.
#define CONTRADICTED                \
    "d.parent = $1 AND NOT EXISTS " \
    "(SELECT FROM pg_class r, pg_namespace n WHERE " AGREES ")"

constexpr char prune_statement[] = "DELETE FROM ppm.detached d WHERE " CONTRADICTED;

// Where ppm.kept is not there yet, the entry of what is a partition again remembers that it was
// kept.
constexpr char prune_statement_of_1_0_0[] =
    "DELETE FROM ppm.detached d WHERE " CONTRADICTED " AND NOT (" WAS_KEPT
    " AND EXISTS (SELECT FROM pg_class r WHERE r.oid = d.relation AND r.relispartition))";

// The names are for people: they follow the relations. $1 is one parent, or null.
constexpr char refresh_statement[] =
    "UPDATE ppm.detached d SET detached_schema = n.nspname, detached = r.relname, "
    "schema_name = coalesce(s.nspname, d.schema_name), "
    "table_name = coalesce(p.relname, d.table_name) "
    "FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace, "
    "ppm.detached e LEFT JOIN (pg_class p JOIN pg_namespace s ON s.oid = p.relnamespace) "
    "ON p.oid = e.parent "
    "WHERE r.oid = d.relation AND e.relation = d.relation AND ($1 IS NULL OR d.parent = $1) "
    "AND (d.detached_schema, d.detached, d.schema_name, d.table_name) IS DISTINCT FROM "
    "(n.nspname, r.relname, coalesce(s.nspname, d.schema_name), "
    "coalesce(p.relname, d.table_name))";

constexpr char forget_statement[] =
    "DELETE FROM ppm.detached d USING pg_class r, pg_namespace n WHERE d.relation = $1 AND " AGREES;

constexpr char forget_dropped_statement[] =
    "DELETE FROM ppm.detached d USING pg_class r, pg_namespace n "
    "WHERE d.relation = $1 AND d.cleanup_policy = 'drop' "
    "AND NOT coalesce((to_jsonb(d) ->> 'drop_after')::timestamptz > clock_timestamp(), false) "
    "AND " AGREES;

constexpr char remember_statement[] =
    "INSERT INTO ppm.kept (relation, schema_name, table_name, partition_schema, partition) "
    "SELECT d.relation, d.schema_name, d.table_name, n.nspname, r.relname "
    "FROM ppm.detached d, pg_class r, pg_namespace n WHERE r.oid = d.relation "
    "AND n.oid = r.relnamespace AND " WAS_KEPT " AND ";
constexpr char already_remembered[] =
    " ON CONFLICT (relation, partition_schema, partition) DO UPDATE SET "
    "schema_name = excluded.schema_name, table_name = excluded.table_name";

constexpr char record_statement[] =
    "INSERT INTO ppm.detached (relation, parent, schema_name, table_name, detached_schema, "
    "detached, lower_bound, upper_bound, lower_value, upper_value, cleanup_policy) "
    "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::ppm.cleanup_policy";
// Whoever is about to write another policy is waited for, and whoever comes later waits: his
// statement keeps what this one has recorded.
constexpr char if_still_to_drop[] =
    " FROM (SELECT FROM ppm.config WHERE schema_name = $3 AND table_name = $4 "
    "AND cleanup_policy = 'drop' FOR SHARE) AS c";
constexpr char already_recorded[] =
    " ON CONFLICT (relation) DO UPDATE SET parent = excluded.parent, "
    "schema_name = excluded.schema_name, table_name = excluded.table_name, "
    "detached_schema = excluded.detached_schema, detached = excluded.detached, "
    "lower_bound = excluded.lower_bound, upper_bound = excluded.upper_bound, "
    "lower_value = excluded.lower_value, upper_value = excluded.upper_value, "
    "cleanup_policy = excluded.cleanup_policy, detached_at = excluded.detached_at, version = NULL";

// When what is to be dropped may be. Of what 1.0.0 recorded the row's xmin is all that tells which
// rows came after: it stays.
constexpr char delay_statement[] =
    "UPDATE ppm.detached d SET drop_after = d.detached_at + c.drop_delay FROM ppm.config c "
    "WHERE c.schema_name = d.schema_name AND c.table_name = d.table_name "
    "AND d.cleanup_policy = 'drop' AND (d.version IS NULL OR to_jsonb(d) ->> 'snapshot' IS NOT "
    "NULL) AND ";

// The partitions that were kept once, by name: a dump and restore changes OIDs. It also creates the
// table before the row, while one of that name that somebody created later is another: the row of a
// system column is as old as its table.
#define KEPT_BY_NAME                                                               \
    "FROM ppm.kept k "                                                             \
    "JOIN pg_namespace n ON n.nspname = k.partition_schema "                       \
    "JOIN pg_class r ON r.relnamespace = n.oid AND r.relname = k.partition "       \
    "JOIN pg_inherits i ON i.inhrelid = r.oid "                                    \
    "JOIN pg_class p ON p.oid = i.inhparent AND p.relname = k.table_name "         \
    "JOIN pg_namespace s ON s.oid = p.relnamespace AND s.nspname = k.schema_name " \
    "JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = -1 "                 \
    "WHERE age(a.xmin) NOT BETWEEN 0 AND age(k.xmin) - 1 "

// Each, and whether only the name tells.
constexpr char kept_query[] =
    "SELECT r.oid, false FROM ppm.kept k JOIN pg_class r ON r.oid = k.relation "
    "WHERE r.relispartition UNION ALL "
    "SELECT r.oid, NOT EXISTS (SELECT FROM ppm.kept o WHERE o.relation = r.oid) " KEPT_BY_NAME
    "UNION ALL ";
// And those that somebody attached by hand, whose entries are still there.
constexpr char kept_before_query[] =
    "SELECT r.oid, false FROM ppm.detached d JOIN pg_class r ON r.oid = d.relation "
    "WHERE r.relispartition AND " WAS_KEPT;

// The names that they have now, for a dump to know: as a row more, because after a restore the OID
// may be that of another table.
constexpr char rename_kept_statement[] =
    "INSERT INTO ppm.kept (relation, schema_name, table_name, partition_schema, partition, since) "
    "SELECT DISTINCT ON (r.oid) r.oid, s.nspname, p.relname, n.nspname, r.relname, k.since "
    "FROM ppm.kept k JOIN pg_class r ON r.oid = k.relation "
    "JOIN pg_namespace n ON n.oid = r.relnamespace JOIN pg_inherits i ON i.inhrelid = r.oid "
    "JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace s ON s.oid = p.relnamespace "
    "WHERE r.relispartition AND NOT EXISTS (SELECT FROM ppm.kept o WHERE o.relation = r.oid "
    "AND (o.schema_name, o.table_name, o.partition_schema, o.partition) = "
    "(s.nspname, p.relname, n.nspname, r.relname)) ORDER BY r.oid, k.since "
    "ON CONFLICT (relation, partition_schema, partition) DO UPDATE SET "
    "schema_name = excluded.schema_name, table_name = excluded.table_name";

// A row more, and none changed: its OID may be that of another partition, which is kept, too.
constexpr char adopt_statement[] =
    "INSERT INTO ppm.kept (relation, schema_name, table_name, partition_schema, partition, since) "
    "SELECT r.oid, k.schema_name, k.table_name, k.partition_schema, k.partition, "
    "k.since " KEPT_BY_NAME "AND p.oid = $1 ON CONFLICT DO NOTHING";

constexpr char look_first[] =
    "Check what happened to it, then drop it, or delete its row from ppm.detached to keep it.";

// What an entry says of its table. The snapshot is null where there is no column for it yet.
constexpr char entry_query[] =
    "SELECT d.version, to_jsonb(d) ->> 'snapshot', d.xmin::text::bigint, r.relowner "
    "FROM ppm.detached d JOIN pg_class r ON r.oid = d.relation WHERE d.relation = $1";

bool is_recorded(const char* column) {
    return has_own_column("detached", column);
}

bool knows_delays() {
    return is_recorded("drop_after");
}

bool remembers_what_was_kept() {
    return has_own_table("kept");
}

void forget(const Partition& partition, const char* statement) {
    const UserContext owner{owner_of_ppm()};
    if (execute(statement, {oid_parameter(partition.relation)}) != 1)
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "ppm.detached and the catalog no longer agree on table " +
                           in_quotes(partition.qualified_name()),
                       {},
                       "Call the procedure again."};
}

// Whether that is what is being detached: not one that somebody attached anew meanwhile, with other
// bounds.
bool is_pending_with(const Parent& parent, Oid relation, const BoundRange& bounds) {
    return std::ranges::any_of(parent.partitions, [&](const Partition& each) {
        return each.relation == relation && each.detach_pending && each.bounds == bounds;
    });
}

}  // namespace

void lock_entry(RelationId relation) {
    const bool remembers = remembers_what_was_kept();
    const UserContext owner{owner_of_ppm()};
    execute("SELECT FROM ppm.detached WHERE relation = $1 FOR UPDATE", {oid_parameter(relation)});
    if (remembers)
        execute("SELECT FROM ppm.kept WHERE relation = $1 FOR UPDATE", {oid_parameter(relation)});
}

void lock_policy(const Parent& parent) {
    const UserContext owner{owner_of_ppm()};
    execute("SELECT FROM ppm.config WHERE schema_name = $1 AND table_name = $2 FOR SHARE",
            {text_parameter(parent.configuration.schema_name),
             text_parameter(parent.configuration.table_name)});
}

void record_detach(const ManagedParent& managed, const Partition& partition, CleanupPolicy policy) {
    const Configuration& configuration = managed.parent.configuration;
    const ShownBounds bounds = shown_bounds(managed, partition.bounds);
    const bool to_drop = policy == CleanupPolicy::drop;
    const UserContext owner{owner_of_ppm()};
    if (execute(
            std::string{record_statement} + (to_drop ? if_still_to_drop : "") + already_recorded,
            {oid_parameter(partition.relation), oid_parameter(managed.parent.table->relation),
             text_parameter(configuration.schema_name), text_parameter(configuration.table_name),
             text_parameter(partition.schema_name), text_parameter(partition.name),
             timestamp_parameter(bounds.civil, &Slot::lower),
             timestamp_parameter(bounds.civil, &Slot::upper), text_parameter(bounds.lower_value),
             text_parameter(bounds.upper_value), text_parameter(to_drop ? "drop" : "detach")}) != 1)
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "the configuration of table " + in_quotes(configuration.qualified_name()) +
                           " was changed concurrently",
                       {},
                       "Call the procedure again."};
    if (!knows_delays())
        return;
    // What an entry that the catalog contradicts has left.
    execute("UPDATE ppm.detached SET drop_after = NULL, archived_from = NULL WHERE relation = $1",
            {oid_parameter(partition.relation)});
    if (to_drop)
        execute(std::string{delay_statement} + "d.relation = $1",
                {oid_parameter(partition.relation)});
}

void record_repartitioned(const ManagedParent& managed, const Partition& partition) {
    record_detach(managed, partition, policy_for(managed.parent.configuration, partition));
    const UserContext owner{owner_of_ppm()};
    execute("UPDATE ppm.detached SET kind = 'repartitioned' WHERE relation = $1",
            {oid_parameter(partition.relation)});
}

void confirm_detached(RelationId relation) {
    const UserContext owner{owner_of_ppm()};
    execute(std::string{"UPDATE ppm.detached d SET version = $2"} +
                (is_recorded("snapshot") ? ", snapshot = $3::pg_snapshot" : "") +
                " FROM pg_class r, pg_namespace n WHERE d.relation = $1 AND NOT r.relispartition "
                "AND " AGREES,
            {oid_parameter(relation), text_parameter(fingerprint_of(relation)),
             text_parameter(snapshot_of_now())});
    queue_after_detach(relation);
}

void require_unchanged(const Partition& partition, RowsSince rows_since) {
    const UserContext owner{owner_of_ppm()};
    const Rows rows = query(entry_query, {oid_parameter(partition.relation)});
    if (rows.count() == 0 || rows.is_null(0, 1) ||
        !is_fingerprint_of(partition.relation, rows.string(0, 1)))
        throw PpmError{ERRCODE_OBJECT_IN_USE,
                       "table " + in_quotes(partition.qualified_name()) +
                           " was changed after ppm detached it, so it is not dropped",
                       {},
                       look_first};
    if (rows_since == RowsSince::not_possible)
        return;
    // What 1.0.0 recorded has no snapshot, but was written in the transaction that detached.
    const XidSnapshot snapshot =
        rows.is_null(0, 2) ? snapshot_before(static_cast<TransactionId>(rows.bigint(0, 3)))
                           : snapshot_of_text(rows.string(0, 2));
    if (has_rows_since(partition.relation, snapshot))
        throw PpmError{ERRCODE_OBJECT_IN_USE,
                       "table " + in_quotes(partition.qualified_name()) +
                           " got rows after ppm detached it, so it is not dropped",
                       {},
                       look_first};
}

std::string change_of(const Parent& parent, const Partition& partition) {
    const UserContext ppm{owner_of_ppm()};
    const Rows rows = query(entry_query, {oid_parameter(partition.relation)});
    // That it is not there any more is said where it is to be forgotten.
    if (rows.count() == 0)
        return "";
    const Oid owner = rows.oid(0, 4);
    const auto role = [](Oid oid) {
        return in_quotes(call([=] {
            const char* const name = GetUserNameFromId(oid, true);
            return name == nullptr ? "" : name;
        }));
    };
    if (owner != parent.table->owner)
        return "belongs to role " + role(owner) + ", not to role " + role(parent.table->owner) +
               " as its parent";
    if (rows.is_null(0, 1))
        return "might be another one, because somebody else finished detaching it";
    // After pg_upgrade there is nothing to compare with.
    const std::string then = rows.string(0, 1);
    return !is_of_this_cluster(then) || is_fingerprint_of(partition.relation, then)
               ? ""
               : "was changed since";
}

void require_attachable(const Parent& parent, const Partition& partition) {
    if (const std::string change = change_of(parent, partition); !change.empty())
        throw PpmError{ERRCODE_OBJECT_IN_USE,
                       "table " + in_quotes(partition.qualified_name()) + " " + change +
                           ", so it is not attached again",
                       {},
                       "Check what happened to it, then attach it yourself."};
}

void forget_dropped(const Partition& partition) {
    forget(partition, forget_dropped_statement);
}

void forget_attached(const Partition& partition) {
    if (remembers_what_was_kept()) {
        const UserContext owner{owner_of_ppm()};
        execute(std::string{remember_statement} + "d.relation = $1" + already_remembered,
                {oid_parameter(partition.relation)});
    }
    forget(partition, forget_statement);
}

void keep_detached(RelationId parent) {
    const UserContext owner{owner_of_ppm()};
    execute(std::string{"UPDATE ppm.detached SET cleanup_policy = 'detach'"} +
                (knows_delays() ? ", drop_after = NULL" : "") +
                " WHERE parent = $1 AND cleanup_policy = 'drop'",
            {oid_parameter(parent)});
}

void follow_policy(const TableName& name) {
    const auto managed = read_parent(name);
    if (!managed || !managed->parent.table)
        return;
    const RelationId parent = managed->parent.table->relation;
    if (managed->parent.configuration.cleanup_policy == CleanupPolicy::detach)
        return keep_detached(parent);
    if (!knows_delays())
        return;
    const UserContext owner{owner_of_ppm()};
    execute(
        std::string{delay_statement} + "d.parent = $1 AND c.schema_name = $2 AND " +
            "c.table_name = $3 AND d.drop_after IS DISTINCT FROM d.detached_at + c.drop_delay",
        {oid_parameter(parent), text_parameter(name.schema_name), text_parameter(name.table_name)});
}

void prune_detached(const Parent& parent) {
    const bool remembers = remembers_what_was_kept();
    const UserContext owner{owner_of_ppm()};
    const Parameter relation = oid_parameter(parent.table->relation);
    // Attached by hand, say, it is none of what ppm detached any more.
    if (remembers)
        execute(std::string{remember_statement} + CONTRADICTED + already_remembered, {relation});
    execute(remembers ? prune_statement : prune_statement_of_1_0_0, {relation});
    execute(refresh_statement, {relation});
}

void prune_detached() {
    const UserContext owner{owner_of_ppm()};
    execute(refresh_statement, {oid_parameter(std::nullopt)});
    execute(
        "DELETE FROM ppm.detached d "
        "WHERE NOT EXISTS (SELECT FROM pg_class r WHERE r.oid = d.relation)");
}

void prune_kept() {
    if (!remembers_what_was_kept())
        return;
    const UserContext owner{owner_of_ppm()};
    execute(rename_kept_statement);
    execute(
        "DELETE FROM ppm.kept k WHERE NOT EXISTS (SELECT FROM pg_class r WHERE r.oid = k.relation) "
        "AND NOT EXISTS (SELECT FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace "
        "WHERE n.nspname = k.partition_schema AND r.relname = k.partition)");
}

void adopt_kept(const Parent& parent) {
    const UserContext owner{owner_of_ppm()};
    execute(adopt_statement, {oid_parameter(parent.table->relation)});
}

void read_kept(const std::map<Oid, Parent*>& parents) {
    const bool remembers = remembers_what_was_kept();
    const UserContext owner{owner_of_ppm()};
    const Rows rows = query(std::string{remembers ? kept_query : ""} + kept_before_query);
    std::map<Oid, bool> kept;
    for (std::size_t row = 0; row < rows.count(); ++row)
        kept[rows.oid(row, 1)] |= rows.boolean(row, 2);
    for (const auto& [relation, parent] : parents) {
        parent->forgets_what_was_kept = !remembers;
        for (Partition& partition : parent->partitions) {
            const auto found = kept.find(partition.relation);
            partition.was_kept = found != kept.end();
            parent->is_kept_by_name |= partition.was_kept && found->second;
        }
    }
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
        parent.ledger_is_stale = parent.ledger_is_stale || rows.boolean(row, 13);
        const bool to_drop = rows.boolean(row, 7);
        const bool kept_now =
            to_drop && parent.configuration.cleanup_policy == CleanupPolicy::detach;
        parent.ledger_is_stale = parent.ledger_is_stale || kept_now;
        parent.detached.push_back(
            {{rows.oid(row, 2), rows.string(row, 3), rows.string(row, 4), bounds, false},
             to_drop && !kept_now ? CleanupPolicy::drop : CleanupPolicy::detach,
             rows.boolean(row, 8),
             rows.boolean(row, 8) && rows.boolean(row, 9),
             rows.boolean(row, 10),
             rows.is_null(row, 11) ? "" : rows.string(row, 11),
             rows.is_null(row, 12) ? "" : rows.string(row, 12)});
    }
    for (const auto& [relation, parent] : parents)
        std::ranges::sort(parent->detached, {}, [](const DetachedPartition& each) {
            return each.partition.bounds.lower;
        });
}

}  // namespace ppm
