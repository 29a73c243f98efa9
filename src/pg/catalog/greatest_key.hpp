// Where the keys of tables whose keys count have got to.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Gives each parent whose key counts its greatest key; the others none. Takes ACCESS SHARE locks
// that are neither waited for nor kept, and reads each parent for ppm.statement_timeout at most:
// one whose key is not found in that time stops no other. Needs an SpiConnection. Throws
// PostgresError.
void read_greatest_keys(const std::map<Oid, Parent*>& parents, Look look);

// Where the keys of a table begin that count: with their sequence, or else at the grid's origin.
// Needs what read_greatest_keys() needs.
Position start_of_keys(const Parent& parent);

}  // namespace ppm
