#include "pg/fingerprint.hpp"

#include "pg/postgres.hpp"

namespace ppm {

namespace {

// The table and its partitions.
#define TREE                                           \
    "WITH RECURSIVE tree (oid) AS (SELECT d.relation " \
    "UNION ALL SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid)"

// Whoever changes an object writes its row of the catalog anew, and with it that row's xmin.
// VACUUM, also of the catalog and with FREEZE or FULL, and ANALYZE do not: they change rows in
// place, or copy them with their xmin.
//
// What changes by itself is left out:
// - of the foreign keys those that PostgreSQL keeps for each partition of the other table, and
//   their triggers, unless somebody has disabled these;
// - of an index what REINDEX writes, its place on the disk.
constexpr char digest[] = TREE R"(,
objects (catalog, oid, state) AS (
    SELECT 'pg_class'::regclass::oid, c.oid, c.xmin::text
    FROM tree JOIN pg_class c ON c.oid = tree.oid
    UNION
    SELECT 'pg_class'::regclass, c.oid, concat(x.xmin, ' ', hashtextextended(
        concat_ws(' ', c.relowner, c.reltablespace, c.reloptions, c.relname) COLLATE "C", 0))
    FROM tree JOIN pg_index x ON x.indrelid = tree.oid JOIN pg_class c ON c.oid = x.indexrelid
    UNION
    SELECT 'pg_class'::regclass, c.oid, c.xmin::text
    FROM tree JOIN pg_depend o ON o.refclassid = 'pg_class'::regclass AND o.refobjid = tree.oid
        AND o.classid = 'pg_class'::regclass AND o.deptype IN ('a', 'i')
    JOIN pg_class c ON c.oid = o.objid AND c.relkind = 'S'
    UNION
    SELECT 'pg_constraint'::regclass, c.oid, c.xmin::text
    FROM tree JOIN pg_constraint c ON c.conrelid = tree.oid
    WHERE c.contype <> 'f' OR c.conparentid = 0
    UNION
    SELECT 'pg_constraint'::regclass, c.oid, c.xmin::text
    FROM tree JOIN pg_depend o ON o.refclassid = 'pg_class'::regclass AND o.refobjid = tree.oid
        AND o.classid = 'pg_constraint'::regclass
    JOIN pg_constraint c ON c.oid = o.objid AND c.confrelid = tree.oid AND c.conparentid = 0
    UNION
    SELECT 'pg_trigger'::regclass, t.oid, t.xmin::text
    FROM tree JOIN pg_trigger t ON t.tgrelid = tree.oid
    WHERE NOT t.tgisinternal OR t.tgenabled <> 'O'
    UNION
    SELECT 'pg_policy'::regclass, p.oid, p.xmin::text
    FROM tree JOIN pg_policy p ON p.polrelid = tree.oid
    UNION
    SELECT 'pg_rewrite'::regclass, w.oid, w.xmin::text
    FROM tree JOIN pg_rewrite w ON w.ev_class = tree.oid
    UNION
    SELECT 'pg_statistic_ext'::regclass, s.oid, s.xmin::text
    FROM tree JOIN pg_statistic_ext s ON s.stxrelid = tree.oid),
facts (catalog, oid, part, state) AS (
    SELECT catalog, oid, 0, state FROM objects
    UNION ALL
    SELECT 'pg_attribute'::regclass, a.attrelid, a.attnum, a.xmin::text
    FROM objects JOIN pg_attribute a ON a.attrelid = objects.oid AND a.attnum > 0
    WHERE objects.catalog = 'pg_class'::regclass
    UNION ALL
    SELECT 'pg_attrdef'::regclass, e.adrelid, e.adnum, e.xmin::text
    FROM tree JOIN pg_attrdef e ON e.adrelid = tree.oid
    UNION ALL
    SELECT 'pg_publication_rel'::regclass, u.oid, 0, u.xmin::text
    FROM tree JOIN pg_publication_rel u ON u.prrelid = tree.oid
    UNION ALL
    SELECT 'pg_foreign_table'::regclass, f.ftrelid, 0, f.xmin::text
    FROM tree JOIN pg_foreign_table f ON f.ftrelid = tree.oid
    UNION ALL
    SELECT 'pg_description'::regclass, m.objoid, m.objsubid, concat(m.classoid, ' ', m.xmin)
    FROM objects JOIN pg_description m ON m.classoid = catalog AND m.objoid = objects.oid
    UNION ALL
    SELECT 'pg_seclabel'::regclass, l.objoid, l.objsubid, concat(l.classoid, ' ', l.xmin)
    FROM objects JOIN pg_seclabel l ON l.classoid = catalog AND l.objoid = objects.oid)
SELECT encode(sha256(string_agg(concat_ws(' ', catalog, oid, part, state), ','
    ORDER BY catalog, oid, part, state COLLATE "C")::bytea), 'hex') FROM facts)";

// What ppm 1.0.0 wrote, and compared.
constexpr char version_of_1_0_0[] = TREE
    " SELECT string_agg(concat(c.oid, ':', c.xmin), ' ' ORDER BY c.oid) "
    "FROM tree JOIN pg_class c ON c.oid = tree.oid";

std::string cluster() {
    return std::to_string(GetSystemIdentifier());
}

}  // namespace

std::string fingerprint() {
    return "('" + cluster() + " ' || (" + digest + "))";
}

std::string is_unchanged() {
    return "(d.version = CASE WHEN d.version LIKE '%:%' THEN (" + std::string{version_of_1_0_0} +
           ") ELSE " + fingerprint() + " END)";
}

std::string is_of_this_cluster() {
    return "(d.version LIKE '%:%' OR starts_with(d.version, '" + cluster() + " '))";
}

}  // namespace ppm
