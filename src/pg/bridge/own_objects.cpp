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

}  // namespace ppm
