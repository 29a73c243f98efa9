#include "core/coverage.hpp"

#include <algorithm>

namespace ppm {

std::vector<BoundRange> holes_in(const BoundRange& range, std::span<const BoundRange> covered) {
    std::vector<BoundRange> holes;
    Bound from = range.lower;
    auto next = std::ranges::partition_point(
        covered, [&](const BoundRange& each) { return each.upper <= range.lower; });
    for (; next != covered.end() && next->lower < range.upper; ++next) {
        if (from < next->lower)
            holes.push_back({from, next->lower});
        from = next->upper;
    }
    if (from < range.upper)
        holes.push_back({from, range.upper});
    return holes;
}

}  // namespace ppm
