// Holes in a range, and how far from a point partitions reach without a hole.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/key/bound.hpp"

namespace ppm {

// The parts of `range` outside all of `covered`, in order. `covered` is in order, and its ranges do
// not overlap.
std::vector<BoundRange> holes_in(const BoundRange& range, std::span<const BoundRange> covered);

// The end of the ranges that follow each other without a hole, from the one that holds `from`;
// nothing if none holds it. `covered` as above.
std::optional<Bound> covered_until(Bound from, std::span<const BoundRange> covered);

}  // namespace ppm
