#include "pg/repartition/refusals.hpp"

#include "core/text.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/repartition/job.hpp"

namespace ppm {

namespace {

// Each query returns an obstacle and a hint. $1 are the parent and the sources, $2 is the parent.
constexpr char references_query[] =
    "SELECT format('foreign key \"%s\" of table \"%s\" refers to it', k.conname, "
    "k.conrelid::regclass), "
    "'Rows that a foreign key refers to cannot be in two tables at once. Drop the key, and add it "
    "again afterwards.' FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = ANY ($1) "
    "ORDER BY k.conparentid <> 0, k.oid LIMIT 1";

constexpr char publications_query[] =
    "SELECT format('publication \"%s\" is FOR ALL TABLES', pubname), "
    "'Its subscribers would get every copied row. Publish the tables by name, or drop the "
    "publication until the move is done.' FROM pg_publication WHERE puballtables LIMIT 1";

constexpr char schema_publications_query[] =
    "SELECT format('publication \"%s\" is FOR TABLES IN SCHEMA', p.pubname), "
    "'Its subscribers would get every copied row. Publish the tables by name, or drop the "
    "publication until the move is done.' FROM pg_publication p "
    "JOIN pg_publication_namespace n ON n.pnpubid = p.oid "
    "JOIN pg_class c ON c.relnamespace = n.pnnspid WHERE c.oid = $2 LIMIT 1";

// Rows move in the order insert, delete, attach: the insert is not published, for the new table is
// no partition yet.
constexpr char published_deletes_query[] =
    "SELECT format('publication \"%s\" publishes what is deleted', p.pubname), "
    "'Its subscribers would lose the moved rows. Add a primary key that includes the partition "
    "key: then no row is deleted. Or drop the table from the publication until the move is done.' "
    "FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid "
    "WHERE p.pubdelete AND r.prrelid = ANY ($1) LIMIT 1";

constexpr char subscriptions_query[] =
    "SELECT format('a subscription writes to table \"%s\"', r.srrelid::regclass), "
    "'Move the rows on the publisher.' FROM pg_subscription_rel r WHERE r.srrelid = ANY ($1) "
    "LIMIT 1";

constexpr char kinds_query[] =
    "SELECT format('partition \"%s\" is %s', c.relname, CASE c.relkind WHEN 'f' THEN "
    "'a foreign table' ELSE 'partitioned itself' END), 'Move its rows yourself.' "
    "FROM pg_class c WHERE c.oid = ANY ($1) AND c.oid <> $2 AND c.relkind <> 'r' LIMIT 1";

constexpr char levels_query[] =
    "SELECT 'it is a partition itself', 'Move the rows of its parent, or its rows yourself.' "
    "FROM pg_class c WHERE c.oid = $2 AND c.relispartition";

constexpr char exclusions_query[] =
    "SELECT format('constraint \"%s\" is an exclusion constraint', conname), "
    "'Drop it, and add it again afterwards.' FROM pg_constraint "
    "WHERE conrelid = $2 AND contype = 'x' LIMIT 1";

constexpr char row_security_query[] =
    "SELECT format('row level security is forced on the owner of table \"%s\"', c.relname), "
    "'Use ALTER TABLE ... NO FORCE ROW LEVEL SECURITY, or give the owner BYPASSRLS.' "
    "FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.oid = ANY ($1) "
    "AND c.relrowsecurity AND c.relforcerowsecurity AND NOT r.rolsuper AND NOT r.rolbypassrls "
    "LIMIT 1";

constexpr char columns_query[] =
    "SELECT format('partition \"%s\" has no column like \"%s\" of its parent', s.relname, "
    "a.attname), 'Detach it, correct the column, and attach it again.' "
    "FROM pg_class s JOIN pg_attribute a ON a.attrelid = $2 "
    "WHERE s.oid = ANY ($1) AND s.oid <> $2 AND a.attnum > 0 AND NOT a.attisdropped "
    "AND NOT EXISTS (SELECT FROM pg_attribute b WHERE b.attrelid = s.oid "
    "AND b.attname = a.attname AND b.atttypid = a.atttypid AND NOT b.attisdropped) LIMIT 1";

// For text keys: a bound of more than Bound::max_text_bytes, which ppm reads as a shorter one. (A
// quote in it counts twice.)
constexpr char long_bounds_query[] =
    "SELECT format('partition \"%s\" has a bound of more than 32 bytes', c.relname), "
    "'It is not a ULID. Move its rows yourself.' FROM pg_class c WHERE c.oid = ANY ($1) AND EXISTS "
    "(SELECT FROM regexp_matches(pg_get_expr(c.relpartbound, c.oid), '''((?:[^'']|'''')*)''', 'g') "
    "AS m WHERE octet_length(m[1]) > 32) LIMIT 1";
static_assert(Bound::max_text_bytes == 32);

// Triggers with a name that ppm itself needs while rows are moved.
constexpr char names_query[] =
    "SELECT format('trigger \"%s\" of table \"%s\" has a name that ppm needs', t.tgname, "
    "t.tgrelid::regclass), 'Rename it.' FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
    "WHERE t.tgrelid = ANY ($1) AND t.tgname IN ('ppm_move', 'ppm_move_truncate') "
    "AND p.pronamespace <> (SELECT oid FROM pg_namespace WHERE nspname = 'ppm') LIMIT 1";

bool has_catalog(const char* name) {
    return call([=] { return OidIsValid(get_relname_relid(name, PG_CATALOG_NAMESPACE)); });
}

// Throws if one of the queries finds an obstacle.
void require_none(const ManagedParent& managed, const std::vector<Partition>& sources,
                  const std::vector<const char*>& queries) {
    const Oid parent = managed.parent.table->relation;
    std::vector<Oid> relations{parent};
    for (const Partition& each : sources)
        relations.push_back(each.relation);
    for (const char* const each : queries) {
        // Each query must use both parameters, so a condition that is always true has them.
        const std::string both = "SELECT * FROM (" + std::string{each} +
                                 ") AS q WHERE $1 IS NOT NULL AND $2 IS NOT NULL";
        const auto found = query(both, {oid_array_parameter(relations), oid_parameter(parent)})
                               .first<std::string, std::string>();
        if (!found)
            continue;
        const auto& [obstacle, hint] = *found;
        throw PpmError{ERRCODE_FEATURE_NOT_SUPPORTED,
                       "cannot repartition table " +
                           in_quotes(managed.parent.configuration.qualified_name()) + ": " +
                           obstacle,
                       {},
                       hint};
    }
}

}  // namespace

void require_movable(const ManagedParent& managed, const std::vector<Partition>& sources) {
    std::vector<const char*> queries{references_query,    publications_query, kinds_query,
                                     subscriptions_query, levels_query,       exclusions_query,
                                     row_security_query,  columns_query,      names_query};
    if (has_catalog("pg_publication_namespace"))
        queries.push_back(schema_publications_query);
    if (managed.parent.table->key_type && is_text(*managed.parent.table->key_type))
        queries.push_back(long_bounds_query);
    require_none(managed, sources, queries);
}

void require_movable_without_key(const ManagedParent& managed) {
    const std::vector<Partition> sources{*managed.parent.default_partition};
    require_movable(managed, sources);
    require_none(managed, sources, {published_deletes_query});
}

MatchingKey require_matching_key(const ManagedParent& managed) {
    auto key = matching_key(managed.parent.table->relation);
    if (!key)
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "cannot repartition table " +
                           in_quotes(managed.parent.configuration.qualified_name()) +
                           ": it has no unique key to match its rows by",
                       "The table needs a primary key, or a unique index over NOT NULL columns "
                       "that is neither partial nor deferrable.",
                       "Add a primary key."};
    return *std::move(key);
}

// Measured: milliseconds for ATTACH, DETACH and RENAME per table or index, and per partition.
void require_short_swap(const ManagedParent& managed, std::size_t targets, std::size_t sources) {
    constexpr double per_object = 0.35;
    constexpr double per_partition = 0.2;
    const auto indexes = query("SELECT count(*) FROM pg_index WHERE indrelid = $1",
                               {oid_parameter(managed.parent.table->relation)})
                             .value<std::int64_t>();
    const auto objects = static_cast<double>(indexes + 2);
    const double estimate = static_cast<double>(targets + sources) * objects * per_object +
                            static_cast<double>(managed.parent.partitions.size()) * per_partition;
    if (estimate > swap_limit())
        throw PpmError{ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                       "putting " + std::to_string(targets) + " partitions in place of " +
                           std::to_string(sources) + " would lock table " +
                           in_quotes(managed.parent.configuration.qualified_name()) +
                           " for about " + std::to_string(static_cast<std::int64_t>(estimate)) +
                           " ms, longer than ppm.swap_limit",
                       {},
                       "Move one range of keys at a time, with from_value and to_value. Or raise "
                       "ppm.swap_limit."};
}

}  // namespace ppm
