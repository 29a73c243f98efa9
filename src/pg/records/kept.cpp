#include "pg/records/kept.hpp"

#include "pg/bridge/own_objects.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"

namespace ppm {

namespace {

// The partitions that were kept once, found by name, because dump and restore changes OIDs. A
// restore creates the table before the row of ppm.kept; a younger table of that name is another
// one. The pg_attribute row of a system column is as old as its table.
#define KEPT_BY_NAME                                                                        \
    "FROM ppm.kept k, LATERAL (SELECT r.oid, p.oid AS parent, a.xmin AS made_by "           \
    "FROM pg_namespace n JOIN pg_class r ON r.relnamespace = n.oid "                        \
    "JOIN pg_inherits i ON i.inhrelid = r.oid "                                             \
    "JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace s ON s.oid = p.relnamespace " \
    "JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = -1 "                          \
    "WHERE n.nspname = k.partition_schema AND r.relname = k.partition "                     \
    "AND s.nspname = k.schema_name AND p.relname = k.table_name OFFSET 0) AS r "            \
    "WHERE age(r.made_by) NOT BETWEEN 0 AND age(k.xmin) - 1 "

// The partition that a row names by OID.
#define PARTITION_OF(row)                                      \
    "LATERAL (SELECT r.oid FROM pg_class r WHERE r.oid = " row \
    ".relation AND r.relispartition OFFSET 0) AS r "

// Each, and whether it is known only by its name.
constexpr char kept_query[] =
    "SELECT r.oid, false FROM ppm.kept k, " PARTITION_OF("k") "UNION ALL "
    "SELECT r.oid, NOT EXISTS (SELECT FROM ppm.kept o WHERE o.relation = r.oid) " KEPT_BY_NAME
    "UNION ALL ";
// And those that somebody attached by hand, whose entries are still there.
constexpr char kept_before_query[] =
    "SELECT r.oid, false FROM ppm.detached d, " PARTITION_OF("d") "WHERE " PPM_WAS_KEPT;

// Adds the current names, so that a dump has them. Adds a row, because after a restore the OID of
// the old one may belong to another table.
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

// Adds a row and changes none: the OID of the existing row may be that of another kept partition.
constexpr char adopt_statement[] =
    "INSERT INTO ppm.kept (relation, schema_name, table_name, partition_schema, partition, since) "
    "SELECT r.oid, k.schema_name, k.table_name, k.partition_schema, k.partition, "
    "k.since " KEPT_BY_NAME "AND r.parent = $1 ON CONFLICT DO NOTHING";

constexpr char keep_statement[] =
    "INSERT INTO ppm.kept (relation, schema_name, table_name, partition_schema, partition) "
    "SELECT r.oid, s.nspname, p.relname, n.nspname, r.relname FROM pg_class r "
    "JOIN pg_namespace n ON n.oid = r.relnamespace JOIN pg_inherits i ON i.inhrelid = r.oid "
    "JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace s ON s.oid = p.relnamespace "
    "WHERE r.oid = $1 ON CONFLICT DO NOTHING";

// The partitions that were kept once, and whether each is known only by its name.
std::map<Oid, bool> read_kept_partitions() {
    std::map<Oid, bool> kept;
    const bool has_kept = may_have_own_rows("kept");
    if (!has_kept && !may_have_own_rows("detached"))
        return kept;
    const UserContext owner{owner_of_ppm()};
    for (const auto& [relation, only_by_name] :
         query(std::string{has_kept ? kept_query : ""} + kept_before_query).as<Oid, bool>())
        kept[relation] |= only_by_name;
    return kept;
}

}  // namespace

bool remembers_what_was_kept() {
    return has_own_table("kept");
}

void lock_kept(RelationId relation) {
    if (!may_have_own_rows("kept"))
        return;
    const UserContext owner{owner_of_ppm()};
    execute("SELECT FROM ppm.kept WHERE relation = $1 FOR UPDATE", {oid_parameter(relation)});
}

void prune_kept() {
    if (!may_have_own_rows("kept"))
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

void keep_for_good(RelationId partition) {
    const UserContext owner{owner_of_ppm()};
    execute(keep_statement, {oid_parameter(partition)});
}

void read_kept(const std::map<Oid, Parent*>& parents) {
    const std::map<Oid, bool> kept = read_kept_partitions();
    for (const auto& [relation, parent] : parents) {
        parent->forgets_what_was_kept = !remembers_what_was_kept();
        for (Partition& partition : parent->partitions) {
            const auto found = kept.find(partition.relation);
            partition.was_kept = found != kept.end();
            parent->is_kept_by_name |= partition.was_kept && found->second;
        }
    }
}

}  // namespace ppm
