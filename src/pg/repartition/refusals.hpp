// What keeps a table's rows from being moved.
#pragma once

#include "pg/repartition/shape.hpp"

namespace ppm {

// Throws PpmError, with the reason and a hint, if rows cannot be moved. Needs what a query needs.
void require_movable(const ManagedParent& managed, const std::vector<Partition>& sources);

// The same for rows of a default partition that are deleted there.
void require_movable_without_key(const ManagedParent& managed);

// The key by which rows are matched. Throws PpmError if there is none.
MatchingKey require_matching_key(const ManagedParent& managed);

// Throws PpmError if the partitions would be locked for longer than ppm.swap_limit.
void require_short_swap(const ManagedParent& managed, std::size_t targets, std::size_t sources);

}  // namespace ppm
