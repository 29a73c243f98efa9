#include "pg/ddl/effects.hpp"

#include "core/text.hpp"
#include "pg/bridge/spi.hpp"

namespace ppm {

namespace {

// CREATE POLICY names roles and objects, and a name may have come to mean another one meanwhile.
// Leaves out the policy's own table.
#define OBJECTS_OF(policy)                                                               \
    "ARRAY (SELECT DISTINCT format('%s %s', d.refclassid, d.refobjid) FROM pg_depend d " \
    "WHERE d.classid = 'pg_policy'::regclass AND d.objid = " policy                      \
    ".oid AND d.refobjid <> ALL (ARRAY[$1, $2]) ORDER BY 1)"

constexpr char other_policies_query[] =
    "SELECT q.polname FROM pg_policy p JOIN pg_policy q ON q.polname = p.polname "
    // The order of the roles does not matter.
    "WHERE p.polrelid = $1 AND q.polrelid = $2 AND (NOT p.polroles @> q.polroles OR NOT "
    "q.polroles @> p.polroles OR " OBJECTS_OF("p") " <> " OBJECTS_OF("q") ")";

[[noreturn]] void raise_other_relation(const std::string& what) {
    throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   what + ": its name has come to mean another relation",
                   {},
                   "Call the procedure again."};
}

std::string name_of(RelationId relation) {
    const char* const name = call([=] {
        const char* const known = get_rel_name(relation);
        return known == nullptr ? "" : known;
    });
    return in_quotes(name);
}

}  // namespace

RelationId require_created(const Parent& parent, const std::string& name) {
    const RelationId created = call([&] {
        CommandCounterIncrement();
        const Oid schema = get_rel_namespace(parent.table->relation);
        const Oid found = get_relname_relid(name.c_str(), schema);
        if (!OidIsValid(found))
            return InvalidOid;
        const Relation relation = relation_open(found, NoLock);
        const bool is_new = relation->rd_createSubid != InvalidSubTransactionId &&
                            relation->rd_rel->relowner == parent.table->owner;
        relation_close(relation, NoLock);
        return is_new ? found : InvalidOid;
    });
    if (!OidIsValid(created))
        raise_other_relation("table " + in_quotes(name) + " was not created as planned");
    return created;
}

void require_attached(const ManagedParent& managed, RelationId relation, const BoundRange& bounds) {
    const Table& table = *managed.parent.table;
    if (!is_partition(relation, table.relation, *table.key_type, bounds))
        raise_other_relation("table " + name_of(relation) + " was not attached as planned");
}

void require_detached(RelationId partition) {
    const bool is_detached = call([=] {
        CommandCounterIncrement();
        return get_rel_relkind(partition) != '\0' && !get_rel_relispartition(partition) &&
               !has_superclass(partition);
    });
    if (!is_detached)
        raise_other_relation("partition " + name_of(partition) + " was not detached");
}

void require_dropped(RelationId table, const std::string& qualified_name) {
    const bool is_dropped = call([=] {
        CommandCounterIncrement();
        return get_rel_relkind(table) == '\0';
    });
    if (!is_dropped)
        raise_other_relation("table " + in_quotes(qualified_name) + " was not dropped");
}

void require_same_policies(const Parent& parent, RelationId partition) {
    const auto policies = query(other_policies_query,
                                {oid_parameter(parent.table->relation), oid_parameter(partition)})
                              .values<std::string>();
    if (!policies.empty())
        throw PpmError{ERRCODE_INSUFFICIENT_PRIVILEGE,
                       "policy " + in_quotes(policies.front()) +
                           " names a role or an object that was renamed concurrently"};
}

}  // namespace ppm
