// A CHECK constraint with which PostgreSQL attaches a table without reading its rows.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Adds it to a table that is to become a partition, and has PostgreSQL check it against the rows:
// others wait for the table, but not yet for whatever else ATTACH PARTITION locks. Does nothing if
// other constraints of the table do as well. Returns whether it has added one. Runs inside a step
// that has locked the table.
bool add_bounds_check(const ManagedParent& managed, const Partition& table);

// Once it is attached.
void drop_bounds_check(const ManagedParent& managed, const Partition& partition);

}  // namespace ppm
