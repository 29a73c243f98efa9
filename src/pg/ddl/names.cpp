#include "pg/ddl/names.hpp"

#include "core/text.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/ddl/used_schemas.hpp"

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

}  // namespace

void lock_used_names(const std::vector<Oid>& relations) {
    const StatementTimeout timeout{statement_timeout()};
    std::set<Oid> schemas = used_schemas(relations);
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
