#include "pg/records/fingerprint.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/catalog/tree.hpp"

namespace ppm {

namespace {

// Changing an object writes a new version of its catalog row, with a new xmin. VACUUM (also of the
// catalog, with FREEZE or FULL) and ANALYZE do not: they change rows in place, or copy them with
// their xmin.
//
// Leaves out what changes by itself:
// - foreign keys that PostgreSQL keeps for each partition of the other table, and their triggers,
//   unless somebody has disabled these triggers;
// - what REINDEX changes of an index: its place on the disk;
// - the triggers of a move of rows, which may end after the table was detached.
//
// Each catalog is read in a LATERAL subquery with OFFSET 0, so that the planner must use an index,
// table by table. With many partitions it must not read all of pg_attribute.
constexpr char digest_query[] = R"(
WITH tree AS (SELECT unnest($1) AS oid),
objects (catalog, oid, state) AS (
    SELECT 'pg_class'::regclass::oid, o.* FROM tree, LATERAL (
        SELECT c.oid, c.xmin::text FROM pg_class c WHERE c.oid = tree.oid OFFSET 0) o
    UNION
    SELECT 'pg_class'::regclass, o.* FROM tree, LATERAL (
        SELECT c.oid, concat(x.xmin, ' ', hashtextextended(
            concat_ws(' ', c.relowner, c.reltablespace, c.reloptions, c.relname) COLLATE "C", 0))
        FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
        WHERE x.indrelid = tree.oid OFFSET 0) o
    UNION
    SELECT 'pg_class'::regclass, o.* FROM tree, LATERAL (
        SELECT c.oid, c.xmin::text FROM pg_depend e JOIN pg_class c ON c.oid = e.objid
        WHERE e.refclassid = 'pg_class'::regclass AND e.refobjid = tree.oid
          AND e.classid = 'pg_class'::regclass AND e.deptype IN ('a', 'i') AND c.relkind = 'S'
        OFFSET 0) o
    UNION
    SELECT 'pg_type'::regclass, o.* FROM tree, LATERAL (
        SELECT t.oid, t.xmin::text FROM pg_class c JOIN pg_type t ON t.oid = c.reltype
        WHERE c.oid = tree.oid OFFSET 0) o
    UNION
    SELECT 'pg_constraint'::regclass, o.* FROM tree, LATERAL (
        SELECT c.oid, c.xmin::text FROM pg_constraint c
        WHERE c.conrelid = tree.oid AND (c.contype <> 'f' OR c.conparentid = 0) OFFSET 0) o
    UNION
    SELECT 'pg_constraint'::regclass, o.* FROM tree, LATERAL (
        SELECT c.oid, c.xmin::text FROM pg_depend e JOIN pg_constraint c ON c.oid = e.objid
        WHERE e.refclassid = 'pg_class'::regclass AND e.refobjid = tree.oid
          AND e.classid = 'pg_constraint'::regclass
          AND c.confrelid = tree.oid AND c.conparentid = 0 OFFSET 0) o
    UNION
    SELECT 'pg_trigger'::regclass, o.* FROM tree, LATERAL (
        SELECT t.oid, t.xmin::text FROM pg_trigger t
        WHERE t.tgrelid = tree.oid AND (NOT t.tgisinternal OR t.tgenabled <> 'O')
          AND NOT EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                          WHERE p.oid = t.tgfoid AND n.nspname = 'ppm') OFFSET 0) o
    UNION
    SELECT 'pg_policy'::regclass, o.* FROM tree, LATERAL (
        SELECT p.oid, p.xmin::text FROM pg_policy p WHERE p.polrelid = tree.oid OFFSET 0) o
    UNION
    SELECT 'pg_rewrite'::regclass, o.* FROM tree, LATERAL (
        SELECT w.oid, w.xmin::text FROM pg_rewrite w WHERE w.ev_class = tree.oid OFFSET 0) o
    UNION
    SELECT 'pg_statistic_ext'::regclass, o.* FROM tree, LATERAL (
        SELECT s.oid, s.xmin::text FROM pg_statistic_ext s WHERE s.stxrelid = tree.oid OFFSET 0) o),
facts (catalog, oid, part, state) AS (
    SELECT catalog, oid, 0, state FROM objects
    UNION ALL
    SELECT 'pg_attribute'::regclass, f.* FROM tree, LATERAL (
        SELECT a.attrelid, a.attnum, a.xmin::text FROM pg_attribute a
        WHERE a.attrelid = tree.oid AND a.attnum > 0 OFFSET 0) f
    UNION ALL
    SELECT 'pg_attribute'::regclass, f.* FROM tree, LATERAL (
        SELECT a.attrelid, a.attnum, a.attstattarget::text
        FROM pg_index x JOIN pg_attribute a ON a.attrelid = x.indexrelid
        WHERE x.indrelid = tree.oid AND a.attstattarget >= 0 OFFSET 0) f
    UNION ALL
    SELECT 'pg_attrdef'::regclass, f.* FROM tree, LATERAL (
        SELECT e.adrelid, e.adnum, e.xmin::text FROM pg_attrdef e
        WHERE e.adrelid = tree.oid OFFSET 0) f
    UNION ALL
    SELECT 'pg_publication_rel'::regclass, f.* FROM tree, LATERAL (
        SELECT u.oid, 0, u.xmin::text FROM pg_publication_rel u
        WHERE u.prrelid = tree.oid OFFSET 0) f
    UNION ALL
    SELECT 'pg_foreign_table'::regclass, f.* FROM tree, LATERAL (
        SELECT t.ftrelid, 0, t.xmin::text FROM pg_foreign_table t
        WHERE t.ftrelid = tree.oid OFFSET 0) f
    UNION ALL
    SELECT 'pg_description'::regclass, f.* FROM objects, LATERAL (
        SELECT m.objoid, m.objsubid, concat(m.classoid, ' ', m.xmin) FROM pg_description m
        WHERE m.classoid = objects.catalog AND m.objoid = objects.oid OFFSET 0) f
    UNION ALL
    SELECT 'pg_seclabel'::regclass, f.* FROM objects, LATERAL (
        SELECT l.objoid, l.objsubid, concat(l.classoid, ' ', l.xmin) FROM pg_seclabel l
        WHERE l.classoid = objects.catalog AND l.objoid = objects.oid OFFSET 0) f)
SELECT encode(sha256(string_agg(concat_ws(' ', catalog, oid, part, state), ','
    ORDER BY catalog, oid, part, state COLLATE "C")::bytea), 'hex') FROM facts)";

// What ppm 1.0.0 wrote, and compared.
constexpr char query_of_1_0_0[] =
    "SELECT string_agg(concat(c.oid, ':', c.xmin), ' ' ORDER BY c.oid) "
    "FROM pg_class c WHERE c.oid = ANY ($1)";

bool is_of_1_0_0(const std::string& fingerprint) {
    return fingerprint.find(':') != std::string::npos;
}

// Asks about the table and its partitions. Empty if the table is gone.
std::string ask(const char* sql, Oid relation) {
    std::vector<Oid> tree;
    const List* const all = call([=] { return partition_tree(relation); });
    tree.reserve(static_cast<std::size_t>(list_length(all)));
    for (int i = 0; i < list_length(all); ++i)
        tree.push_back(list_nth_oid(all, i));
    return query(sql, {oid_array_parameter(tree)}).value<std::optional<std::string>>().value_or("");
}

std::string cluster() {
    return std::to_string(GetSystemIdentifier()) + " ";
}

}  // namespace

std::string fingerprint_of(Oid relation) {
    return cluster() + ask(digest_query, relation);
}

bool is_fingerprint_of(Oid relation, const std::string& fingerprint) {
    return fingerprint ==
           (is_of_1_0_0(fingerprint) ? ask(query_of_1_0_0, relation) : fingerprint_of(relation));
}

bool is_of_this_cluster(const std::string& fingerprint) {
    return is_of_1_0_0(fingerprint) || fingerprint.starts_with(cluster());
}

}  // namespace ppm
