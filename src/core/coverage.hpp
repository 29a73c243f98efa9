// What of a range no partition covers.
#pragma once

#include <span>
#include <vector>

#include "core/bound.hpp"

namespace ppm {

// The parts of `range` outside all of `covered`, in order. `covered` is in order, and its ranges do
// not overlap.
std::vector<BoundRange> holes_in(const BoundRange& range, std::span<const BoundRange> covered);

}  // namespace ppm
