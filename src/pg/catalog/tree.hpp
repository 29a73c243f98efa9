// The partitions of a partition.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// The relation and all partitions below it, as far as they exist, as a list of OIDs. Unlike
// find_all_inheritors() it needs no lock on any of them. May ereport.
List* partition_tree(Oid relation);

}  // namespace ppm
