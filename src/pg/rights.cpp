#include "pg/rights.hpp"

#include "pg/guard.hpp"

namespace ppm {

void require_owner(Oid relation, const std::string& name) {
    call([&] {
        if (!is_owner(relation, GetUserId()))
            aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, name.c_str());
    });
}

bool may_manage(const Parent& parent) {
    return call([&] {
        return parent.table && get_rel_relkind(parent.table->relation) != '\0'
                   ? is_owner(parent.table->relation, GetUserId())
                   : superuser();
    });
}

Oid owner_of_ppm() {
    return call([] {
        const Oid table = get_relname_relid("detached", get_namespace_oid("ppm", false));
        const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
        if (!HeapTupleIsValid(tuple))
            elog(ERROR, "cache lookup failed for table ppm.detached");
        const Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
        ReleaseSysCache(tuple);
        return owner;
    });
}

}  // namespace ppm
