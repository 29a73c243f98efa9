// The index by which a table's least and greatest key are found without reading the table.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// A btree index on all rows that begins with the column, in its type's default order; null if none
// can be locked without waiting. The index is returned with an ACCESS SHARE lock. Needs a lock on
// the table. May ereport.
Relation open_leading_index(Relation table, AttrNumber attribute);

}  // namespace ppm
