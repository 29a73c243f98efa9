#include "pg/rights.hpp"

#include "pg/guard.hpp"

namespace ppm {

void require_owner(Oid relation, const std::string& name) {
    call([&] {
        if (!is_owner(relation, GetUserId()))
            aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, name.c_str());
    });
}

}  // namespace ppm
