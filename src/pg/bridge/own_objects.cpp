#include "pg/bridge/own_objects.hpp"

#include "pg/bridge/guard.hpp"

namespace ppm {

bool has_own_table(const char* table) {
    return call(
        [=] { return OidIsValid(get_relname_relid(table, get_namespace_oid("ppm", false))); });
}

bool has_own_column(const char* table, const char* column) {
    return call([=] {
        return get_attnum(get_relname_relid(table, get_namespace_oid("ppm", false)), column) !=
               InvalidAttrNumber;
    });
}

bool may_have_own_rows(const char* table) {
    return call([=] {
        const Oid relation = get_relname_relid(table, get_namespace_oid("ppm", false));
        if (!OidIsValid(relation))
            return false;
        const Relation opened = table_open(relation, AccessShareLock);
        const bool has_pages = RelationGetNumberOfBlocks(opened) > 0;
        table_close(opened, AccessShareLock);
        return has_pages;
    });
}

}  // namespace ppm
