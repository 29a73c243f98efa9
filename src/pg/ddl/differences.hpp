// How partitions differ from their parent.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Finds how the partitions differ from their parents, for all valid parents, in a few queries.
// Needs what read_partitions() needs.
void read_differences(std::vector<ManagedParent>& parents);

}  // namespace ppm
