#include "core/grid/coverage.hpp"

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

std::optional<Bound> covered_until(Bound from, std::span<const BoundRange> covered) {
    auto next = std::ranges::partition_point(
        covered, [&](const BoundRange& each) { return each.upper <= from; });
    if (next == covered.end() || from < next->lower)
        return std::nullopt;
    Bound end = next->upper;
    while (++next != covered.end() && next->lower == end)
        end = next->upper;
    return end;
}

}  // namespace ppm
