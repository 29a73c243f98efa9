// The greatest keys of tables whose keys count.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Sets the greatest key of each parent whose key counts. Takes ACCESS SHARE locks that are neither
// waited for nor kept. Reads each parent for ppm.statement_timeout at most: if a parent's key is
// not found in that time, the others are still read. Needs an SpiConnection. Throws PostgresError.
void read_greatest_keys(const std::map<Oid, Parent*>& parents, Look look);

// Where the keys of a table whose keys count begin: at the start of their sequence, or else at the
// grid's origin. Needs what read_greatest_keys() needs.
Position start_of_keys(const Parent& parent);

}  // namespace ppm
