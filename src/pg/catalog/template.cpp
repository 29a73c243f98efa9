#include "pg/catalog/template.hpp"

#include "pg/bridge/guard.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/tree.hpp"

namespace ppm {

namespace {

// A name with its schema. Anything else was written while triggers were off, and PostgreSQL would
// raise an error over it.
#define RELATION_NAMED(name)                                                     \
    "CASE WHEN " name                                                            \
    " ~ '^(\"([^\"]|\"\")+\"|[^.\"()]+)[.](\"([^\"]|\"\")+\"|[^.\"()]+)$' THEN " \
    "to_regclass(" name ")::oid END"

// $1 is the template's name, $2 the parent, $3 its owner. Code of the template's owner, and of the
// owners of its trigger functions, would run as the parent's owner.
constexpr char problem_query[] =
    "WITH RECURSIVE named AS (SELECT " RELATION_NAMED("$1") R"( AS oid),
    tree AS (
        SELECT r.oid, r.relname, r.relkind, r.relowner, r.relpersistence, 0 AS level, r.relname AS root
        FROM named JOIN pg_class r ON r.oid = named.oid
        UNION ALL
        SELECT r.oid, r.relname, r.relkind, r.relowner, r.relpersistence, t.level + 1, t.root
        FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid JOIN pg_class r ON r.oid = i.inhrelid
        WHERE t.relkind = 'p'),
    problems (number, problem) AS (
        SELECT 1, 'does not exist' FROM named WHERE NOT EXISTS (SELECT FROM tree)
        UNION ALL
        SELECT 2, 'is the table itself' FROM named WHERE named.oid = $2
        UNION ALL
        SELECT 3, 'has the table itself among its partitions' FROM tree WHERE oid = $2 AND level > 0
        UNION ALL
        SELECT 4, CASE WHEN level = 0 THEN 'is not a table' ELSE format('has partition "%s", which is not a table', relname) END
        FROM tree WHERE relkind NOT IN ('r', 'p')
        UNION ALL
        SELECT 5, 'is temporary' FROM tree WHERE relpersistence = 't'
        UNION ALL
        SELECT 6, 'is a partition itself' FROM named JOIN pg_class r ON r.oid = named.oid WHERE r.relispartition
        UNION ALL
        SELECT 7, format('belongs to role "%s", which does not have the privileges of role "%s", the owner of the table', pg_get_userbyid(relowner), pg_get_userbyid($3))
        FROM tree WHERE NOT )" PPM_IS_AS_GOOD_AS("relowner", "$3") R"(
        UNION ALL
        SELECT 8, format('has trigger "%s" with a function of role "%s", which does not have the privileges of role "%s", the owner of the table',
                         g.tgname, pg_get_userbyid(p.proowner), pg_get_userbyid($3))
        FROM tree JOIN pg_trigger g ON g.tgrelid = tree.oid AND NOT g.tgisinternal JOIN pg_proc p ON p.oid = g.tgfoid
        WHERE NOT )" PPM_IS_AS_GOOD_AS("p.proowner", "$3") R"(
        UNION ALL
        SELECT 9, format(CASE WHEN b.attname IS NULL THEN 'has column "%s", which the table does not have' ELSE 'has a column "%s" of another type or collation than the table' END, a.attname)
        FROM named JOIN pg_attribute a ON a.attrelid = named.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_attribute b ON b.attrelid = $2 AND b.attname = a.attname AND b.attnum > 0 AND NOT b.attisdropped
        WHERE b.attname IS NULL OR a.atttypid <> b.atttypid OR a.atttypmod <> b.atttypmod OR a.attcollation <> b.attcollation
        UNION ALL
        SELECT 10, CASE WHEN level = 0 THEN 'is partitioned but has no partitions' ELSE format('has partition "%s", which is partitioned but has no partitions', relname) END
        FROM tree WHERE relkind = 'p' AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = tree.oid)
        UNION ALL
        SELECT 11, format('has no partition of "%s" for some HASH remainders', tree.relname)
        FROM tree JOIN pg_partitioned_table d ON d.partrelid = tree.oid AND d.partstrat = 'h'
        WHERE (SELECT abs(sum(1 / substring(pg_get_expr(r.relpartbound, r.oid) FROM 'modulus ([0-9]+)')::float8) - 1) > 1e-6
               FROM pg_inherits i JOIN pg_class r ON r.oid = i.inhrelid WHERE i.inhparent = tree.oid))
    SELECT coalesce((SELECT problem FROM problems ORDER BY number, problem LIMIT 1), ''),
           coalesce((SELECT max(octet_length(CASE WHEN starts_with(relname, concat(root, '_')) THEN substr(relname, length(root) + 1) ELSE concat('_', relname) END))
                     FROM tree WHERE level > 0), 0),
           (SELECT oid FROM named))";

struct Found {
    std::string problem;
    int suffix;
    std::optional<RelationId> relation;
};

// Runs as ppm's owner: looking a name up needs USAGE on its schema, and PostgreSQL raises an error
// if the caller does not have it. The catalog itself is open to everybody.
Found find(const Parent& parent) {
    const UserContext ppm{owner_of_ppm()};
    const auto [problem, suffix, relation] =
        query(problem_query,
              {text_parameter(parent.configuration.template_name),
               oid_parameter(parent.table->relation), oid_parameter(parent.table->owner)})
            .row<std::string, std::int32_t, std::optional<Oid>>();
    return {problem, suffix, relation};
}

}  // namespace

void read_template(Parent& parent) {
    if (!parent.configuration.template_name)
        return;
    const Found found = find(parent);
    parent.template_problem = found.problem;
    parent.template_suffix = found.suffix;
}

RelationId lock_template(const Parent& parent) {
    if (const auto relation = find(parent).relation)
        call([&] {
            LockRelationOid(*relation, AccessShareLock);
            if (get_rel_relkind(*relation) != '\0')
                partition_tree(*relation, AccessShareLock);
        });
    const Found found = find(parent);
    if (!found.problem.empty())
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "template " + *parent.configuration.template_name + " " + found.problem,
                       {},
                       "Fix the template, or set template in ppm.config to another one."};
    return *found.relation;
}

std::optional<std::string> spelled_template(const std::string& name) {
    return query(
               "SELECT format('%I.%I', n.nspname, r.relname) FROM pg_class r "
               "JOIN pg_namespace n ON n.oid = r.relnamespace WHERE r.oid = to_regclass($1)",
               {text_parameter(name)})
        .first_value<std::string>();
}

}  // namespace ppm
