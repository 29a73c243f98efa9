// Tables whose foreign keys refer to a parent. When a partition is detached, PostgreSQL looks
// whether they refer to its rows (ATDetachCheckNoForeignKeyRefs() in tablecmds.c), under a lock on
// them that keeps their writers waiting; without an index it reads them from end to end.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Sets the unindexed references of each parent that is valid and has a retention, in one query.
// Needs what read_partitions() needs.
void read_unindexed_references(std::vector<ManagedParent>& parents);

// Throws 55000 if that look would take long. In a read or a step, before a partition is detached.
void require_indexed_references(const Parent& parent);

}  // namespace ppm
