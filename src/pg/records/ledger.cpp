#include "pg/records/ledger.hpp"

#include "core/text.hpp"
#include "pg/bridge/own_objects.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/rows.hpp"
#include "pg/records/fingerprint.hpp"
#include "pg/records/hooks.hpp"
#include "pg/records/kept.hpp"

namespace ppm {

namespace {

// True if the entry's relation exists, under whatever name, and is either no partition, or a
// partition of the same parent with a pending detach. A pending detach of a table that ppm had
// already detached is somebody else's, and does not count. Whether it is the same relation, and not
// another one with its OID, is for the fingerprint to tell.
//
// OFFSET 0, here and below, makes the planner use an index for the few rows of ppm's table.
// Otherwise it would read all of a large catalog.
#define AGREES                                                                                  \
    "r.oid = d.relation AND n.oid = r.relnamespace AND CASE WHEN r.relispartition THEN EXISTS " \
    "(SELECT FROM pg_inherits i WHERE i.inhrelid = r.oid AND i.inhparent = d.parent "           \
    "AND i.inhdetachpending AND d.version IS NULL OFFSET 0) "                                   \
    "ELSE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = r.oid OFFSET 0) END"

// True if the entry of relation $1 says that it is to be dropped now.
#define SAYS_DROP                                    \
    "d.relation = $1 AND d.cleanup_policy = 'drop' " \
    "AND NOT coalesce((to_jsonb(d) ->> 'drop_after')::timestamptz > clock_timestamp(), false)"

constexpr char read_query[] =
    "SELECT d.parent, d.relation, n.nspname, r.relname, d.lower_value, d.upper_value, "
    "d.cleanup_policy = 'drop', NOT r.relispartition, d.version IS NULL, "
    "coalesce(to_jsonb(d) ->> 'kind' = 'repartitioned', false), "
    "(to_jsonb(d) ->> 'drop_after')::timestamptz, (to_jsonb(d) ->> "
    "'drop_after')::timestamptz::text, "
    "to_jsonb(d) ->> 'archived_from', "
    "(d.detached_schema, d.detached) IS DISTINCT FROM (n.nspname, r.relname) "
    "FROM ppm.detached d LEFT JOIN (pg_class r CROSS JOIN pg_namespace n) ON " AGREES
    " WHERE d.parent = ANY ($1)";

// The entries of a parent that the catalog contradicts.
#define CONTRADICTED                \
    "d.parent = $1 AND NOT EXISTS " \
    "(SELECT FROM pg_class r, pg_namespace n WHERE " AGREES ")"

constexpr char prune_statement[] = "DELETE FROM ppm.detached d WHERE " CONTRADICTED;

// Without ppm.kept, the entry of a table that is a partition again stays, to remember that the
// table was kept.
constexpr char prune_statement_of_1_0_0[] =
    "DELETE FROM ppm.detached d WHERE " CONTRADICTED " AND NOT (" PPM_WAS_KEPT
    " AND EXISTS (SELECT FROM pg_class r WHERE r.oid = d.relation AND r.relispartition))";

// The names are for people: they follow the relations. $1 is one parent, or null. An entry of 1.0.0
// that may lead to a drop keeps its names: its xmin tells which rows came later.
constexpr char refresh_statement[] =
    "UPDATE ppm.detached d SET detached_schema = n.nspname, detached = r.relname, "
    "schema_name = coalesce(s.nspname, d.schema_name), "
    "table_name = coalesce(p.relname, d.table_name) "
    "FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace, "
    "ppm.detached e LEFT JOIN (pg_class p JOIN pg_namespace s ON s.oid = p.relnamespace) "
    "ON p.oid = e.parent "
    "WHERE r.oid = d.relation AND e.relation = d.relation AND ($1 IS NULL OR d.parent = $1) "
    "AND (to_jsonb(d) ->> 'snapshot' IS NOT NULL OR (d.version IS NULL AND NOT r.relispartition)) "
    "AND (d.detached_schema, d.detached, d.schema_name, d.table_name) IS DISTINCT FROM "
    "(n.nspname, r.relname, coalesce(s.nspname, d.schema_name), "
    "coalesce(p.relname, d.table_name))";

constexpr char forget_statement[] =
    "DELETE FROM ppm.detached d USING pg_class r, pg_namespace n WHERE d.relation = $1 AND " AGREES;

constexpr char take_entry_to_drop_statement[] =
    "DELETE FROM ppm.detached d USING pg_class r, pg_namespace n WHERE " SAYS_DROP " AND " AGREES;

constexpr char remember_statement[] =
    "INSERT INTO ppm.kept (relation, schema_name, table_name, partition_schema, partition) "
    "SELECT d.relation, d.schema_name, d.table_name, n.nspname, r.relname "
    "FROM ppm.detached d, pg_class r, pg_namespace n WHERE r.oid = d.relation "
    "AND n.oid = r.relnamespace AND " PPM_WAS_KEPT " AND ";
constexpr char already_remembered[] =
    " ON CONFLICT (relation, partition_schema, partition) DO UPDATE SET "
    "schema_name = excluded.schema_name, table_name = excluded.table_name";

// Waits for a transaction that is about to write another policy. A later one waits for this
// transaction, and its statement then keeps the tables that this one has recorded.
constexpr char record_statement[] =
    "INSERT INTO ppm.detached (relation, parent, schema_name, table_name, detached_schema, "
    "detached, lower_bound, upper_bound, lower_value, upper_value, cleanup_policy, detached_at";
// Now, or the end of the last cleanup if the clock is behind that: drop_delay begins here.
#define NOW_OR_LATER                                                             \
    "greatest(now(), (SELECT l.at FROM ppm.last_run l WHERE l.schema_name = $3 " \
    "AND l.table_name = $4 AND l.procedure = 'cleanup'))"
constexpr char recorded_values[] =
    ") SELECT $1, $2, $3, $4, $6, $7, $8, $9, $10, $11, $12::ppm.cleanup_policy, n.at";
constexpr char from_now[] = " FROM (SELECT " NOW_OR_LATER " AS at) AS n";
constexpr char already_recorded[] =
    " ON CONFLICT (relation) DO UPDATE SET parent = excluded.parent, "
    "schema_name = excluded.schema_name, table_name = excluded.table_name, "
    "detached_schema = excluded.detached_schema, detached = excluded.detached, "
    "lower_bound = excluded.lower_bound, upper_bound = excluded.upper_bound, "
    "lower_value = excluded.lower_value, upper_value = excluded.upper_value, "
    "cleanup_policy = excluded.cleanup_policy, detached_at = excluded.detached_at, version = NULL";

// Without a delay a table has no time to wait for, as before 1.1.0.
#define DELAY "nullif(c.drop_delay, '0')"

// Sets when a table may be dropped. If the clock was ahead at the detach, the delay counts from
// now. Skips entries of 1.0.0, which have no snapshot: only their xmin tells which rows came later,
// so it must stay.
constexpr char delay_statement[] =
    "UPDATE ppm.detached d SET drop_after = least(d.detached_at, now()) + " DELAY
    " FROM ppm.config c "
    "WHERE c.schema_name = d.schema_name AND c.table_name = d.table_name "
    "AND d.cleanup_policy = 'drop' AND to_jsonb(d) ->> 'snapshot' IS NOT NULL AND ";

constexpr char delay_if_missing[] =
    ", drop_after = coalesce(d.drop_after, (SELECT least(d.detached_at, now()) + " DELAY
    " FROM ppm.config c WHERE c.schema_name = d.schema_name AND c.table_name = d.table_name "
    "AND d.cleanup_policy = 'drop'))";

constexpr char look_first[] =
    "Check what happened to it, then drop it, or delete its row from ppm.detached to keep it.";

// What an entry says of its table. The snapshot is null where there is no column for it yet.
constexpr char entry_query[] =
    "SELECT d.version, to_jsonb(d) ->> 'snapshot', d.xmin::text::bigint, r.relowner "
    "FROM ppm.detached d JOIN pg_class r ON r.oid = d.relation WHERE d.relation = $1";

struct Entry {
    std::optional<std::string> version;
    std::optional<std::string> snapshot;
    std::int64_t written_by;  // the transaction
    Oid owner;
};

std::optional<Entry> entry_of(const Partition& partition) {
    const auto row =
        query(entry_query, {oid_parameter(partition.relation)})
            .first<std::optional<std::string>, std::optional<std::string>, std::int64_t, Oid>();
    if (!row)
        return std::nullopt;
    const auto& [version, snapshot, written_by, owner] = *row;
    return Entry{version, snapshot, written_by, owner};
}

bool is_recorded(const char* column) {
    return has_own_column("detached", column);
}

bool knows_delays() {
    return is_recorded("drop_after");
}

// True if c is the configuration of a removal. $2 is the parent, $3 and $4 its name, $5 the hash of
// the row and its hooks, or null. The row may have been written for another table that had the name
// for a while.
std::string is_configuration_of_removal() {
    const std::string hooks =
        may_have_own_rows("hooks")
            ? " # (SELECT coalesce(bit_xor(" PPM_HASH_OF_HOOK
              "), 0) FROM ppm.hooks h WHERE h.schema_name = $3 AND h.table_name = $4)"
            : "";
    return "c.schema_name = $3 AND c.table_name = $4 "
           "AND ($5 IS NULL OR hash_record_extended(c, 0)" +
           hooks + " = $5)" +
           (has_own_table("configured_relations")
                ? " AND ($5 IS NULL OR NOT EXISTS (SELECT FROM ppm.configured_relations m "
                  "WHERE m.schema_name = $3 AND m.table_name = $4 AND m.relation <> $2))"
                : "");
}

Parameter hash_parameter(const Removal& removal) {
    Parameter parameter = bigint_parameter(removal.row_hash.value_or(0));
    parameter.is_null = !removal.row_hash;
    return parameter;
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

// Shows what was written before the table's detach began, by transactions that have ended since. A
// transaction that is still open has not written to the table, which is locked now: it may do so
// later. An entry of 1.0.0 has no snapshot, but the transaction that began the detach wrote it.
XidSnapshot snapshot_of_interrupted(RelationId relation) {
    const auto& [stored, written_by] =
        query(
            "SELECT to_jsonb(d) ->> 'snapshot', d.xmin::text::bigint FROM ppm.detached d "
            "WHERE d.relation = $1",
            {oid_parameter(relation)})
            .row<std::optional<std::string>, std::int64_t>();
    return ended_by_now(stored ? snapshot_of_text(*stored)
                               : snapshot_before(static_cast<TransactionId>(written_by)));
}

// Whether the relation's pending detach is the recorded one: somebody may have attached the table
// again meanwhile, with other bounds.
bool is_pending_with(const Parent& parent, Oid relation, const BoundRange& bounds) {
    return std::ranges::any_of(parent.partitions, [&](const Partition& each) {
        return each.relation == relation && each.detach_pending && each.bounds == bounds;
    });
}

}  // namespace

void lock_entry(RelationId relation) {
    const UserContext owner{owner_of_ppm()};
    execute("SELECT FROM ppm.detached WHERE relation = $1 FOR UPDATE", {oid_parameter(relation)});
}

void lock_configuration(const TableName& table) {
    const UserContext owner{owner_of_ppm()};
    execute("SELECT FROM ppm.config WHERE schema_name = $1 AND table_name = $2 FOR SHARE",
            {text_parameter(table.schema_name), text_parameter(table.table_name)});
}

bool lock_configuration_at_once(const TableName& table) {
    const UserContext owner{owner_of_ppm()};
    return execute(
               "SELECT FROM ppm.config WHERE schema_name = $1 AND table_name = $2 "
               "FOR SHARE SKIP LOCKED",
               {text_parameter(table.schema_name), text_parameter(table.table_name)}) == 1;
}

void lock_configuration_against_removals(const TableName& table) {
    const UserContext owner{owner_of_ppm()};
    execute("SELECT FROM ppm.config WHERE schema_name = $1 AND table_name = $2 FOR NO KEY UPDATE",
            {text_parameter(table.schema_name), text_parameter(table.table_name)});
}

Removal removal_of(const ManagedParent& managed, const Partition& partition, CleanupPolicy policy) {
    return {partition.relation,
            managed.parent.table->relation,
            managed.parent.configuration.name(),
            {partition.schema_name, partition.name},
            shown_bounds(managed, partition.bounds),
            policy,
            std::nullopt};
}

void record_detach(const Removal& removal) {
    const bool to_drop = removal.policy == CleanupPolicy::drop;
    const bool delays = knows_delays();
    std::string statement = record_statement;
    const bool snapshots = is_recorded("snapshot");
    statement += delays ? ", drop_after" : "";
    statement += snapshots ? ", snapshot" : "";
    statement += recorded_values;
    if (delays)
        statement += to_drop ? ", n.at + " DELAY : ", NULL";
    statement += snapshots ? ", $13::pg_snapshot" : "";
    statement += from_now;
    if (to_drop || removal.row_hash)
        statement += ", (SELECT c.* FROM ppm.config c WHERE " + is_configuration_of_removal() +
                     (to_drop ? " AND c.cleanup_policy = 'drop'" : "") + " FOR SHARE) AS c";
    statement += already_recorded;
    // Overwrites what a contradicted entry has left.
    statement += delays ? ", drop_after = excluded.drop_after, archived_from = NULL" : "";
    statement += snapshots ? ", snapshot = excluded.snapshot" : "";
    const UserContext owner{owner_of_ppm()};
    const std::size_t recorded = execute(
        statement,
        {oid_parameter(removal.relation), oid_parameter(removal.parent),
         text_parameter(removal.table.schema_name), text_parameter(removal.table.table_name),
         hash_parameter(removal), text_parameter(removal.partition.schema_name),
         text_parameter(removal.partition.table_name),
         timestamp_parameter(removal.bounds.civil, &Slot::lower),
         timestamp_parameter(removal.bounds.civil, &Slot::upper),
         text_parameter(removal.bounds.lower_value), text_parameter(removal.bounds.upper_value),
         text_parameter(to_drop ? "drop" : "detach"),
         text_parameter(snapshot_of_older_transactions().text())});
    if (recorded != 1)
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "the configuration of table " + in_quotes(removal.table.qualified()) +
                           " was changed concurrently",
                       {},
                       "Call the procedure again."};
}

void record_repartitioned(const ManagedParent& managed, const Partition& partition) {
    record_detach(
        removal_of(managed, partition, policy_for(managed.parent.configuration, partition)));
    const UserContext owner{owner_of_ppm()};
    execute("UPDATE ppm.detached SET kind = 'repartitioned' WHERE relation = $1",
            {oid_parameter(partition.relation)});
}

void confirm_detached(RelationId relation, NewFrom new_from) {
    const UserContext owner{owner_of_ppm()};
    const bool is_now = new_from == NewFrom::now;
    const XidSnapshot snapshot = is_now ? snapshot_of_now() : snapshot_of_interrupted(relation);
    const bool has_snapshots = is_recorded("snapshot");
    // The objects of 1.0.0 cannot remember that rows came.
    if (!is_now && !has_snapshots && has_rows_since(relation, snapshot))
        return;
    std::string statement = "UPDATE ppm.detached d SET version = $2";
    statement += has_snapshots ? ", snapshot = $3::pg_snapshot" : "";
    // An entry of 1.0.0 has no delay yet.
    statement += !is_now && knows_delays() ? delay_if_missing : "";
    execute(statement +
                " FROM pg_class r, pg_namespace n WHERE d.relation = $1 AND NOT r.relispartition "
                "AND " AGREES,
            {oid_parameter(relation), text_parameter(fingerprint_of(relation)),
             text_parameter(snapshot.text())});
    queue_after_detach(relation);
}

void require_unchanged(const Partition& partition, NewRows new_rows) {
    const UserContext owner{owner_of_ppm()};
    const auto entry = entry_of(partition);
    if (!entry || !entry->version || !is_fingerprint_of(partition.relation, *entry->version))
        throw PpmError{ERRCODE_OBJECT_IN_USE,
                       "table " + in_quotes(partition.qualified_name()) +
                           " was changed after ppm detached it, so it is not dropped",
                       {},
                       look_first};
    if (new_rows == NewRows::ignored)
        return;
    // Entries of 1.0.0 have no snapshot, but the transaction that detached the table wrote them.
    const XidSnapshot snapshot =
        entry->snapshot ? snapshot_of_text(*entry->snapshot)
                        : snapshot_before(static_cast<TransactionId>(entry->written_by));
    if (has_rows_since(partition.relation, snapshot))
        throw PpmError{ERRCODE_OBJECT_IN_USE,
                       "table " + in_quotes(partition.qualified_name()) +
                           " got rows after ppm detached it, so it is not dropped",
                       {},
                       look_first};
}

std::string change_of(const Parent& parent, const Partition& partition) {
    const UserContext ppm{owner_of_ppm()};
    const auto entry = entry_of(partition);
    // A missing entry is reported when it is to be deleted.
    if (!entry)
        return "";
    const Oid owner = entry->owner;
    const auto role = [](Oid oid) {
        return in_quotes(call([=] {
            const char* const name = GetUserNameFromId(oid, true);
            return name == nullptr ? "" : name;
        }));
    };
    if (owner != parent.table->owner)
        return "belongs to role " + role(owner) + ", not to role " + role(parent.table->owner) +
               " as its parent";
    if (call([&] { return get_rel_relispartition(partition.relation); }))
        return "";  // its detach is pending: there is nothing to compare with yet
    if (!entry->version)
        return "might have been replaced, because somebody else finished detaching it";
    // After pg_upgrade there is nothing to compare with.
    const std::string& then = *entry->version;
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

void remove_entry_to_drop(const Partition& partition) {
    forget(partition, take_entry_to_drop_statement);
}

bool remove_entry_just_detached(const Removal& removal) {
    std::string statement{"DELETE FROM ppm.detached d USING ppm.config c WHERE " SAYS_DROP
                          " AND c.cleanup_policy = 'drop' AND "};
    statement += is_configuration_of_removal();
    if (may_have_own_rows("hooks"))
        statement +=
            " AND NOT EXISTS (SELECT FROM ppm.hooks h WHERE h.schema_name = $3 "
            "AND h.table_name = $4 AND h.event IN ('after_detach', 'before_drop'))";
    const UserContext owner{owner_of_ppm()};
    return execute(statement,
                   {oid_parameter(removal.relation), oid_parameter(removal.parent),
                    text_parameter(removal.table.schema_name),
                    text_parameter(removal.table.table_name), hash_parameter(removal)}) == 1;
}

void remove_entry_to_attach(const Partition& partition) {
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
            "c.table_name = $3 AND d.drop_after IS DISTINCT FROM least(d.detached_at, now()) "
            "+ " DELAY,
        {oid_parameter(parent), text_parameter(name.schema_name), text_parameter(name.table_name)});
}

void prune_detached(const Parent& parent) {
    const bool remembers = remembers_what_was_kept();
    const UserContext owner{owner_of_ppm()};
    const Parameter relation = oid_parameter(parent.table->relation);
    // A contradicted entry may be of a table that was attached by hand: ppm.kept remembers it.
    if (remembers)
        execute(std::string{remember_statement} + CONTRADICTED + already_remembered, {relation});
    execute(remembers ? prune_statement : prune_statement_of_1_0_0, {relation});
    execute(refresh_statement, {relation});
}

void prune_detached() {
    if (!may_have_own_rows("detached"))
        return;
    const UserContext owner{owner_of_ppm()};
    execute(refresh_statement, {oid_parameter(std::nullopt)});
    execute(
        "DELETE FROM ppm.detached d "
        "WHERE NOT EXISTS (SELECT FROM pg_class r WHERE r.oid = d.relation)");
}

void read_detached(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations) {
    if (!may_have_own_rows("detached"))
        return;
    const UserContext owner{owner_of_ppm()};
    const Rows rows = query(read_query, {oid_array_parameter(relations)});
    for (const auto& [of, relation, schema_name, name, lower_value, upper_value, says_drop,
                      is_detached, is_unconfirmed, is_repartitioned, drop_after, drop_after_text,
                      archived_from, is_renamed] :
         rows.as<Oid, Oid, std::optional<std::string>, std::optional<std::string>, std::string,
                 std::string, bool, std::optional<bool>, bool, bool, std::optional<std::int64_t>,
                 std::optional<std::string>, std::optional<std::string>, bool>()) {
        Parent& parent = *parents.at(of);
        // The catalog contradicts it.
        if (!is_detached) {
            parent.ledger_is_stale = true;
            continue;
        }
        const KeyType type = *parent.table->key_type;
        const BoundRange bounds{bound_of_text(lower_value, type), bound_of_text(upper_value, type)};
        if (!*is_detached && !is_pending_with(parent, relation, bounds)) {
            parent.ledger_is_stale = true;
            continue;
        }
        const bool kept_now =
            says_drop && parent.configuration.cleanup_policy == CleanupPolicy::detach;
        parent.ledger_is_stale = parent.ledger_is_stale || is_renamed || kept_now;
        parent.detached.push_back(
            {{relation, *schema_name, *name, bounds, false},
             says_drop && !kept_now ? CleanupPolicy::drop : CleanupPolicy::detach,
             *is_detached,
             *is_detached && is_unconfirmed,
             is_repartitioned,
             drop_after ? std::optional{DropAfter{to_instant(*drop_after), *drop_after_text}}
                        : std::nullopt,
             archived_from.value_or("")});
    }
    for (const auto& [relation, parent] : parents)
        std::ranges::sort(parent->detached, {}, [](const DetachedPartition& each) {
            return each.partition.bounds.lower;
        });
}

}  // namespace ppm
