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

// A table's lock does not keep its schema from being renamed: two schemas change places, and a name
// means a stranger's table. Newer minor versions of PostgreSQL lock the schema itself to rename it;
// those before (15.18 has it so) only its row, whose name is in a unique index. Only a superuser
// may lock a row of the catalog.
void lock_schema_names(const std::vector<Oid>& relations) {
    std::set<Oid> schemas;
    for (const Oid relation : relations)
        schemas.insert(call([=] { return get_rel_namespace(relation); }));
    // In the order that a renaming takes them, so that no deadlock fails it.
    for (const Oid schema : schemas)
        call([=] { LockDatabaseObject(NamespaceRelationId, schema, 0, AccessShareLock); });
    const UserContext superuser{BOOTSTRAP_SUPERUSERID};
    execute("SELECT FROM pg_namespace WHERE oid = ANY ($1) ORDER BY oid FOR KEY SHARE",
            {oid_array_parameter({schemas.begin(), schemas.end()})});
    // Of the one that was waited for.
    call([] { AcceptInvalidationMessages(); });
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
