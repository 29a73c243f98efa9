// Tables that refer to a partition by a foreign key: DETACH PARTITION reads them as the parent's
// owner.
#pragma once

#include "pg/postgres.hpp"

namespace ppm {

// Throws 42501 with the mend if a table that refers to the partition would have code of a role
// without the rights of `owner` run as `owner`. Locks what belongs to such a role, and the name of
// its schema, so that it stays as it is; its readers and writers go on.
void require_harmless_references(Oid owner, Oid partition);

}  // namespace ppm
