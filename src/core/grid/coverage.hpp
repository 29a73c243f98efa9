// What of a range no partition covers, and how far from a point they go on.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/key/bound.hpp"

namespace ppm {

// The parts of `range` outside all of `covered`, in order. `covered` is in order, and its ranges do
// not overlap.
std::vector<BoundRange> holes_in(const BoundRange& range, std::span<const BoundRange> covered);

// Where the ranges that begin with the one that holds `from` end, or are interrupted by a hole for
// the first time; nothing if none holds it. `covered` as above.
std::optional<Bound> covered_until(Bound from, std::span<const BoundRange> covered);

}  // namespace ppm
