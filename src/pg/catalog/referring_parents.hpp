// Which of the parents refer to which by foreign keys: in what order they can lose partitions.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Gives each parent the parents whose foreign keys, or those of their partitions, refer to it or to
// its partitions. Needs what read_parents() needs.
void read_referring_parents(std::vector<ManagedParent>& parents);

// Puts each before those that it refers to, else by name; where they refer to each other in a
// circle, in any order.
void put_referring_first(std::vector<ManagedParent>& parents);

}  // namespace ppm
