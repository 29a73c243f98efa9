// The partitions of a partition.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// The relation and all partitions below it, as far as they exist, as a list of OIDs. Locks each
// partition that it finds, but not the relation itself. Unlike find_all_inheritors(), it also works
// without locks, and it finds those whose detach is pending: DROP TABLE drops them, too. May
// ereport.
List* partition_tree(Oid relation, LOCKMODE lock = NoLock);

}  // namespace ppm
