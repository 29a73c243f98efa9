#include "pg/catalog/references.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/ddl/names.hpp"

namespace ppm {

namespace {

// RI_PartitionRemove_Check() (ri_triggers.c) joins these to the partition.
constexpr char strangers_query[] = R"(
    WITH RECURSIVE tree AS (
        SELECT c.oid, c.relowner FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.contype = 'f' AND k.confrelid = $1 AND k.conparentid <> 0
        UNION
        SELECT c.oid, c.relowner FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid JOIN pg_class c ON c.oid = i.inhrelid)
    SELECT oid FROM tree WHERE NOT )" PPM_IS_AS_GOOD_AS("relowner", "$2") " ORDER BY oid";

// The type below all domains.
#define BASE_TYPE_OF(type)                                                            \
    "(WITH RECURSIVE base AS (SELECT oid, typbasetype FROM pg_type WHERE oid = " type \
    " UNION ALL SELECT t.oid, t.typbasetype FROM base JOIN pg_type t ON t.oid = "     \
    "base.typbasetype) "                                                              \
    "SELECT base.oid FROM base WHERE base.typbasetype = 0)"

// Code that reading such a table runs: expressions that the planner evaluates (plancat.c), policies
// of row level security, and casts to the type of the key. Whoever owns one of the two types may
// replace the cast at any time. Objects with an OID below 16384 are PostgreSQL's own, and operator
// classes are a superuser's. A policy can run a query without any function. Rules do not matter to
// a read.
constexpr char harm_query[] = R"(
    WITH object AS (
        SELECT indrelid AS relation, 'pg_class'::regclass AS catalog, indexrelid AS id FROM pg_index WHERE indrelid = ANY ($1)
        UNION ALL
        SELECT conrelid, 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = ANY ($1)
        UNION ALL
        SELECT stxrelid, 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext WHERE stxrelid = ANY ($1)
        UNION ALL
        -- Expressions of the partition key (RelationBuildPartitionKey() in partcache.c folds them).
        SELECT partrelid, 'pg_class'::regclass, partrelid FROM pg_partitioned_table WHERE partrelid = ANY ($1)),
    pair AS (
        SELECT k.conrelid AS relation, k.oid AS id, )" BASE_TYPE_OF(
    "a.atttypid") R"( AS source, )" BASE_TYPE_OF("b.atttypid") R"( AS target
        FROM pg_constraint k CROSS JOIN unnest(k.conkey, k.confkey) AS u(referring, referred)
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.referring
        JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.referred
        WHERE k.conrelid = ANY ($1) AND k.contype = 'f'),
    -- Without the types of columns, which have a number there: no expression needs them.
    needed AS (
        SELECT o.relation, o.catalog, o.id, d.refclassid AS class, d.refobjid AS object
        FROM object o JOIN pg_depend d ON d.classid = o.catalog AND d.objid = o.id WHERE d.objsubid = 0 AND d.refobjid >= 16384),
    use AS (
        SELECT u.relation, u.catalog, u.id, p.oid AS function
        FROM needed u LEFT JOIN pg_operator r ON u.class = 'pg_operator'::regclass AND r.oid = u.object
        JOIN pg_proc p ON p.oid = CASE WHEN u.class = 'pg_proc'::regclass THEN u.object ELSE r.oprcode END
        UNION ALL
        SELECT p.relation, 'pg_constraint'::regclass, p.id, t.castfunc FROM pair p JOIN pg_cast t ON t.castsource = p.source)
    SELECT pg_describe_object(u.catalog, u.id, 0), format('%s.%s', n.nspname, c.relname),
           'function ' || p.oid::regprocedure || ' of ' || pg_get_userbyid(p.proowner),
           format('ALTER FUNCTION %s OWNER TO %I;', p.oid::regprocedure, pg_get_userbyid($2))
    FROM use u JOIN pg_proc p ON p.oid = u.function
    JOIN pg_class c ON c.oid = u.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE p.oid >= 16384 AND NOT )" PPM_IS_AS_GOOD_AS("p.proowner", "$2") R"(
    UNION ALL
    -- A domain brings its CHECK constraints, and an operator its negator; an enum brings no code.
    SELECT pg_describe_object(u.catalog, u.id, 0), format('%s.%s', n.nspname, c.relname),
           pg_describe_object(u.class, u.object, 0) || ' of ' || pg_get_userbyid(o.owner),
           format('ALTER %s OWNER TO %I;', o.name, pg_get_userbyid($2))
    FROM needed u
    CROSS JOIN LATERAL (
        SELECT t.typowner, 'TYPE ' || t.oid::regtype
        FROM pg_type a JOIN pg_type t ON t.oid = CASE WHEN a.typcategory = 'A' AND a.typelem <> 0 THEN a.typelem ELSE a.oid END
        WHERE u.class = 'pg_type'::regclass AND a.oid = u.object AND t.typtype <> 'e'
        UNION ALL
        SELECT r.oprowner, 'OPERATOR ' || r.oid::regoperator FROM pg_operator r WHERE u.class = 'pg_operator'::regclass AND r.oid = u.object) AS o(owner, name)
    JOIN pg_class c ON c.oid = u.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT )" PPM_IS_AS_GOOD_AS("o.owner", "$2") R"(
    UNION ALL
    SELECT pg_describe_object('pg_constraint'::regclass, p.id, 0), format('%s.%s', n.nspname, c.relname),
           'a cast of type ' || t.oid::regtype || ' of ' || pg_get_userbyid(t.typowner),
           format('ALTER TYPE %s OWNER TO %I;', t.oid::regtype, pg_get_userbyid($2))
    FROM pair p JOIN pg_type t ON t.oid IN (p.source, p.target)
    JOIN pg_class c ON c.oid = p.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE p.source <> p.target AND t.oid >= 16384 AND NOT )" PPM_IS_AS_GOOD_AS("t.typowner",
                                                                               "$2") R"(
    UNION ALL
    SELECT pg_describe_object('pg_policy'::regclass, p.oid, 0), format('%s.%s', n.nspname, c.relname),
           'the expressions of ' || pg_get_userbyid(c.relowner), format('ALTER TABLE %I.%I OWNER TO %I;', n.nspname, c.relname, pg_get_userbyid($2))
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE p.polrelid = ANY ($1) AND c.relrowsecurity
      AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = $2 AND (r.rolsuper OR r.rolbypassrls))
    ORDER BY 1, 3 LIMIT 1)";

template <typename IsOne>
std::vector<Oid> those_of(const std::vector<Oid>& relations, IsOne is_one) {
    std::vector<Oid> found;
    call([&] {
        for (const Oid relation : relations) {
            const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
            if (!HeapTupleIsValid(tuple))
                continue;
            if (is_one(*reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))))
                found.push_back(relation);
            ReleaseSysCache(tuple);
        }
    });
    return found;
}

std::vector<Oid> strangers_that_refer_to(Oid partition, Oid owner) {
    if (possibly_referenced({partition}).empty())
        return {};
    return query(strangers_query, {oid_parameter(partition), oid_parameter(owner)}).values<Oid>();
}

}  // namespace

std::vector<Oid> possibly_referenced(const std::vector<Oid>& relations) {
    return those_of(relations, [](const FormData_pg_class& each) {
        const bool would_have_triggers =
            foreign_keys_have_triggers &&
            (partitioned_tables_have_action_triggers || each.relkind != RELKIND_PARTITIONED_TABLE);
        return each.relhastriggers || (!would_have_triggers && each.relhasindex);
    });
}

std::vector<Oid> possibly_referring(const std::vector<Oid>& relations) {
    return those_of(relations, [](const FormData_pg_class& each) {
        return each.relhastriggers || !foreign_keys_have_triggers ||
               each.relkind == RELKIND_PARTITIONED_TABLE;
    });
}

bool is_any_referred_to(const std::vector<Oid>& relations) {
    return query("SELECT FROM pg_constraint WHERE contype = 'f' AND confrelid = ANY ($1) LIMIT 1",
                 {oid_array_parameter(relations)})
               .count() > 0;
}

void require_harmless_references(Oid owner, Oid partition) {
    const std::vector<Oid> strangers = strangers_that_refer_to(partition, owner);
    if (strangers.empty())
        return;
    // Blocks CREATE INDEX, CREATE STATISTICS and CREATE POLICY. DETACH's own SHARE lock would allow
    // CREATE INDEX.
    for (const Oid each : strangers)
        call([=] { LockRelationOid(each, ShareUpdateExclusiveLock); });
    // DETACH names these tables in the query that it makes.
    lock_schema_names(strangers);
    const auto harm = query(harm_query, {oid_array_parameter(strangers), oid_parameter(owner)})
                          .first<std::string, std::string, std::string, std::string>();
    if (!harm)
        return;
    const auto& [object, table, use, change_of_owner] = *harm;
    throw PpmError{
        ERRCODE_INSUFFICIENT_PRIVILEGE,
        object + " uses " + use +
            ", which DETACH PARTITION would run as the owner of the table that \"" + table +
            "\" refers to",
        {},
        "If you trust that code: " + change_of_owner + " Otherwise drop the object that uses it."};
}

}  // namespace ppm
