// In what partitions are not like their parent.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Finds in what the partitions differ from their parents, of all parents that are valid, in a few
// queries for all of them. Needs what read_partitions() needs.
void read_differences(std::vector<ManagedParent>& parents);

}  // namespace ppm
