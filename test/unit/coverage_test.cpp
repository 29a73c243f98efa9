#include "core/grid/coverage.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "printers.hpp"

namespace ppm {
namespace {

using Ranges = std::vector<BoundRange>;

Bound at(int value) {
    return Bound::of_integer(value);
}

BoundRange range(int lower, int upper) {
    return {at(lower), at(upper)};
}

TEST(Holes, AreTheWholeRangeWhereNothingIsCovered) {
    EXPECT_EQ(holes_in(range(10, 20), Ranges{}), (Ranges{range(10, 20)}));
    EXPECT_EQ(holes_in(range(10, 20), Ranges{range(0, 10), range(20, 30)}),
              (Ranges{range(10, 20)}));
}

TEST(Holes, AreNoneWhereAllIsCovered) {
    EXPECT_EQ(holes_in(range(10, 20), Ranges{range(10, 20)}), Ranges{});
    EXPECT_EQ(holes_in(range(10, 20), Ranges{range(5, 12), range(12, 19), range(19, 25)}),
              Ranges{});
    EXPECT_EQ(holes_in(range(10, 20), Ranges{{Bound::min_value(), Bound::max_value()}}), Ranges{});
}

TEST(Holes, LieBetweenAndBesideTheCovered) {
    EXPECT_EQ(holes_in(range(10, 20), Ranges{range(12, 14), range(16, 18)}),
              (Ranges{range(10, 12), range(14, 16), range(18, 20)}));
}

TEST(Holes, EndAtMinvalueAndMaxvaluePartitions) {
    const Ranges covered{{Bound::min_value(), at(12)}, {at(17), Bound::max_value()}};
    EXPECT_EQ(holes_in(range(10, 20), covered), (Ranges{range(12, 17)}));
}

TEST(Holes, OfAnEmptyRangeAreNone) {
    EXPECT_EQ(holes_in(range(10, 10), Ranges{}), Ranges{});
    EXPECT_EQ(holes_in(range(10, 10), Ranges{range(5, 15)}), Ranges{});
}

TEST(CoveredUntil, IsTheEndOfTheRangeThatHoldsThePoint) {
    const Ranges covered{range(10, 20)};
    EXPECT_EQ(covered_until(at(10), covered), at(20));
    EXPECT_EQ(covered_until(at(19), covered), at(20));
}

TEST(CoveredUntil, GoesOnUntilTheFirstHole) {
    const Ranges covered{range(0, 10), range(10, 20), range(20, 25), range(26, 30)};
    EXPECT_EQ(covered_until(at(5), covered), at(25));
    EXPECT_EQ(covered_until(at(26), covered), at(30));
}

TEST(CoveredUntil, IsNothingInAHole) {
    const Ranges covered{range(10, 20), range(30, 40)};
    for (const int hole : {9, 20, 29, 40})
        EXPECT_EQ(covered_until(at(hole), covered), std::nullopt) << hole;
    EXPECT_EQ(covered_until(at(10), Ranges{}), std::nullopt);
}

TEST(CoveredUntil, MayBeMaxvalue) {
    const Ranges covered{{Bound::min_value(), at(10)}, {at(10), Bound::max_value()}};
    EXPECT_EQ(covered_until(at(0), covered), Bound::max_value());
}

// The line from 0 to 30, each unit of it covered or not.
constexpr int line_length = 30;
using Line = std::vector<bool>;

// The longest runs of units between `lower` and `upper` that are not covered.
Ranges uncovered_runs(const Line& covered, int lower, int upper) {
    Ranges runs;
    for (int unit = lower; unit < upper; ++unit) {
        if (covered[static_cast<std::size_t>(unit)])
            continue;
        if (!runs.empty() && runs.back().upper == at(unit))
            runs.back().upper = at(unit + 1);
        else
            runs.push_back(range(unit, unit + 1));
    }
    return runs;
}

// Ranges that do not overlap, and the units that they cover.
struct Covering {
    Ranges ranges;
    Line line = Line(line_length, false);
};

class RandomCoverings {
  public:
    int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

    Covering next() {
        Covering covering;
        for (int start = below(6); start < line_length;) {
            const int end = std::min(line_length, start + 1 + below(6));
            covering.ranges.push_back(range(start, end));
            std::fill(covering.line.begin() + start, covering.line.begin() + end, true);
            start = end + (below(2) == 0 ? 0 : below(6));
        }
        return covering;
    }

  private:
    std::mt19937 random_{20261122};
};

TEST(Holes, AreWhatCountingUnitByUnitFinds) {
    RandomCoverings random;
    for (int round = 0; round < 20000; ++round) {
        const Covering covering = random.next();
        const int lower = random.below(line_length);
        const int upper = lower + random.below(line_length - lower + 1);
        ASSERT_EQ(holes_in(range(lower, upper), covering.ranges),
                  uncovered_runs(covering.line, lower, upper))
            << "in round " << round;
    }
}

TEST(CoveredUntil, IsWhereCountingUnitByUnitEnds) {
    RandomCoverings random;
    for (int round = 0; round < 20000; ++round) {
        const Covering covering = random.next();
        const int from = random.below(line_length);
        const auto begin = covering.line.begin() + from;
        const auto end = std::find(begin, covering.line.end(), false);
        const auto expected =
            begin == end ? std::nullopt
                         : std::optional{at(static_cast<int>(end - covering.line.begin()))};
        ASSERT_EQ(covered_until(at(from), covering.ranges), expected) << "in round " << round;
    }
}

}  // namespace
}  // namespace ppm
