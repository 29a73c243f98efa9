// Rows and their unique keys, without the planner.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Finds the row that has the key of `wanted`, a row of the same table, by a unique btree index over
// columns that are NOT NULL. Sees what is committed, and what this transaction has written. Waits
// for nobody, and does not count as a read of a SERIALIZABLE transaction. May ereport.
bool find_by_key(Relation table, Oid index, TupleTableSlot* wanted, TupleTableSlot* found);

// Whether two rows of the table have the same values in the index' key columns, none of them NULL.
// May ereport.
bool have_same_key(Relation table, Oid index, HeapTuple one, HeapTuple other);

}  // namespace ppm
