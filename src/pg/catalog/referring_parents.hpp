// Foreign keys between the parents: they decide in what order the parents can lose partitions.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Gives each parent the parents whose foreign keys, or those of their partitions, refer to it or to
// its partitions. Needs what read_parents() needs.
void read_referring_parents(std::vector<ManagedParent>& parents);

// Sorts each parent before those that it refers to, else by name. If parents refer to each other in
// a cycle, their order is arbitrary.
void put_referring_first(std::vector<ManagedParent>& parents);

}  // namespace ppm
