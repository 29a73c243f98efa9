#include "pg/catalog/rights.hpp"

#include "core/text.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/catalog/tree.hpp"

namespace ppm {

void require_owner(Oid relation, const std::string& name) {
    call([&] {
        if (!is_owner(relation, GetUserId()))
            aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, name.c_str());
        // The wording of check_can_set_role() in PostgreSQL 16.
        const Oid owner = owner_of(relation);
        if (!may_act_as(GetUserId(), owner))
            ereport(ERROR,
                    (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                     errmsg("must be able to SET ROLE \"%s\"", GetUserNameFromId(owner, false))));
    });
}

std::optional<Oid> require_rights_over(const TableName& name) {
    const Oid relation = call([&] {
        return get_relname_relid(name.table_name.c_str(),
                                 get_namespace_oid(name.schema_name.c_str(), true));
    });
    if (OidIsValid(relation))
        require_owner(relation, name.table_name);
    else if (!superuser())
        throw PpmError{ERRCODE_INSUFFICIENT_PRIVILEGE,
                       "must be superuser to configure a table that does not exist",
                       "There is no table " + in_quotes(name.qualified()) + ".",
                       "Create the table first."};
    return OidIsValid(relation) ? std::optional{relation} : std::nullopt;
}

bool may_manage(const Parent& parent) {
    return call([&] {
        return parent.table && get_rel_relkind(parent.table->relation) != '\0'
                   ? is_owner(parent.table->relation, GetUserId()) &&
                         may_act_as(GetUserId(), owner_of(parent.table->relation))
                   : superuser();
    });
}

void require_owner_of_tree(Oid owner, Oid relation) {
    struct Other {
        const char* schema_name = nullptr;
        const char* name = nullptr;
        const char* mend = nullptr;
        const char* owner = nullptr;
        const char* expected = nullptr;
    };
    const Other stranger = call([=] {
        Other result;
        LockRelationOid(relation, AccessShareLock);
        // A relation that was dropped belongs to nobody.
        if (get_rel_relkind(relation) == '\0')
            return result;
        List* const tables = partition_tree(relation, AccessShareLock);
        for (int i = 0; i < list_length(tables) && result.name == nullptr; ++i) {
            const Oid each = list_nth_oid(tables, i);
            const Oid other = owner_of(each);
            if (other == owner || !OidIsValid(other))
                continue;
            result.schema_name = get_namespace_name(get_rel_namespace(each));
            result.name = get_rel_name(each);
            result.owner = GetUserNameFromId(other, false);
            result.expected = GetUserNameFromId(owner, false);
            result.mend = psprintf("ALTER TABLE %s OWNER TO %s;",
                                   quote_qualified_identifier(result.schema_name, result.name),
                                   quote_identifier(result.expected));
        }
        return result;
    });
    if (stranger.name != nullptr)
        throw PpmError{
            ERRCODE_INSUFFICIENT_PRIVILEGE,
            "table " + in_quotes(std::string{stranger.schema_name} + "." + stranger.name) +
                " belongs to " + stranger.owner + ", not " + stranger.expected + " as its parent",
            {},
            stranger.mend};
}

Oid owner_of(Oid relation) {
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        return InvalidOid;
    const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

Oid owner_of_ppm() {
    return call([] {
        const Oid owner = owner_of(get_relname_relid("detached", get_namespace_oid("ppm", false)));
        if (!OidIsValid(owner))
            elog(ERROR, "cache lookup failed for table ppm.detached");
        return owner;
    });
}

}  // namespace ppm
