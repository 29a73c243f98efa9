#include "pg/ddl/names.hpp"

#include "core/text.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/spi.hpp"

namespace ppm {

bool is_named(RelationId relation, const char* schema_name, const char* name) {
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        return false;
    const auto* const now = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    const bool same = now->relnamespace == get_namespace_oid(schema_name, true) &&
                      std::string_view{name} == NameStr(now->relname);
    ReleaseSysCache(tuple);
    return same;
}

namespace {

// To rename a schema, newer minor versions of PostgreSQL lock the schema itself. Older ones (e.g.
// 15.18) lock only its row, whose name is in a unique index. Only a superuser may lock a row of the
// catalog.
void lock_schemas(std::set<Oid> schemas) {
    // Locks that this (sub)transaction has taken stay until its end. (Locking a row assigns a
    // transaction ID.)
    struct Had {
        TransactionId transaction = InvalidTransactionId;
        SubTransactionId part = InvalidSubTransactionId;
        std::set<Oid> schemas;
    };
    static Had had;
    const bool is_same_part = TransactionIdIsValid(had.transaction) &&
                              had.transaction == GetTopTransactionIdIfAny() &&
                              had.part == GetCurrentSubTransactionId();
    if (is_same_part && std::ranges::includes(had.schemas, schemas))
        return call([] { AcceptInvalidationMessages(); });
    had = {};
    // In the order in which a rename takes them, so that no deadlock makes the rename fail.
    for (const Oid schema : schemas)
        call([=] { LockDatabaseObject(NamespaceRelationId, schema, 0, AccessShareLock); });
    const UserContext superuser{BOOTSTRAP_SUPERUSERID};
    execute("SELECT FROM pg_namespace WHERE oid = ANY ($1) ORDER BY oid FOR KEY SHARE",
            {oid_array_parameter({schemas.begin(), schemas.end()})});
    // Includes the messages of a rename that was waited for.
    call([] { AcceptInvalidationMessages(); });
    had = {GetTopTransactionIdIfAny(), GetCurrentSubTransactionId(), std::move(schemas)};
}

// The schemas of functions, operators, types and the like that the relations' own objects use.
// PostgreSQL's own objects have no entry in pg_depend.
constexpr char used_schemas_query[] = R"(
    WITH object AS (
        SELECT 'pg_class'::regclass AS class, indexrelid AS oid FROM pg_index WHERE indrelid = ANY ($1)
        UNION ALL SELECT 'pg_class'::regclass, unnest($1)
        UNION ALL SELECT 'pg_trigger'::regclass, oid FROM pg_trigger WHERE tgrelid = ANY ($1)
        UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = ANY ($1)
        UNION ALL SELECT 'pg_policy'::regclass, oid FROM pg_policy WHERE polrelid = ANY ($1)
        UNION ALL SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = ANY ($1)
        UNION ALL SELECT 'pg_statistic_ext'::regclass, oid FROM pg_statistic_ext WHERE stxrelid = ANY ($1))
    SELECT DISTINCT used.schema FROM object JOIN pg_depend d ON d.classid = object.class AND d.objid = object.oid
    -- A join would read all functions and operators.
    CROSS JOIN LATERAL (SELECT CASE d.refclassid
        WHEN 'pg_proc'::regclass THEN (SELECT pronamespace FROM pg_proc WHERE oid = d.refobjid)
        WHEN 'pg_operator'::regclass THEN (SELECT oprnamespace FROM pg_operator WHERE oid = d.refobjid)
        WHEN 'pg_type'::regclass THEN (SELECT typnamespace FROM pg_type WHERE oid = d.refobjid)
        WHEN 'pg_opclass'::regclass THEN (SELECT opcnamespace FROM pg_opclass WHERE oid = d.refobjid)
        WHEN 'pg_collation'::regclass THEN (SELECT collnamespace FROM pg_collation WHERE oid = d.refobjid) END) AS used (schema)
    WHERE used.schema IS NOT NULL)";

}  // namespace

void lock_used_names(const std::vector<Oid>& relations) {
    const StatementTimeout timeout{statement_timeout()};
    const auto found = query(used_schemas_query, {oid_array_parameter(relations)}).values<Oid>();
    std::set<Oid> schemas{found.begin(), found.end()};
    if (!schemas.empty())
        lock_schemas(std::move(schemas));
}

// A lock on a table does not prevent a rename of its schema: if two schemas swap names, the name
// means another role's table.
void lock_schema_names(const std::vector<Oid>& relations) {
    std::set<Oid> schemas;
    for (const Oid relation : relations)
        schemas.insert(call([=] { return get_rel_namespace(relation); }));
    lock_schemas(std::move(schemas));
}

void lock_function_name(Oid function) {
    const StatementTimeout timeout{statement_timeout()};
    // The schema's owner may drop the function.
    call([=] { LockDatabaseObject(ProcedureRelationId, function, 0, AccessShareLock); });
    lock_schemas({call([=] { return get_func_namespace(function); })});
}

void lock_names(const std::vector<NamedRelation>& relations) {
    const StatementTimeout timeout{statement_timeout()};
    std::vector<Oid> oids;
    oids.reserve(relations.size());
    for (const NamedRelation& each : relations)
        oids.push_back(each.relation);
    lock_schema_names(oids);
    for (const NamedRelation& each : relations)
        if (!call([&] {
                return is_named(each.relation, each.schema_name.c_str(), each.name.c_str());
            }))
            throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                           "table " + in_quotes(each.schema_name + "." + each.name) +
                               " or its schema was renamed concurrently",
                           {},
                           "Call the procedure again."};
}

}  // namespace ppm
