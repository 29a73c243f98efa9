// Grids of numbers against arithmetic in 128 bits, which never overflows, and against counting.
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/grid/grid.hpp"
#include "core/grid/naming.hpp"
#include "core/grid/window.hpp"
#include "core/key/key.hpp"
#include "printers.hpp"
#include "test_zones.hpp"

namespace ppm {
namespace {

__extension__ using Wide = __int128;

constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t greatest = std::numeric_limits<std::int64_t>::max();

constexpr std::int64_t widths[] = {1,
                                   2,
                                   3,
                                   7,
                                   10,
                                   1000,
                                   65536,
                                   999999937,
                                   3000000000,
                                   1000000000000000000,
                                   9000000000000000000,
                                   greatest};
constexpr std::int64_t origins[] = {0,
                                    1,
                                    -1,
                                    5,
                                    -7,
                                    32767,
                                    -32768,
                                    2147483647,
                                    -2147483648,
                                    123456789123,
                                    greatest,
                                    least,
                                    9000000000000000000,
                                    -9000000000000000000};

Wide floor_to_edge(Wide number, const Numbers& grid) {
    const Wide distance = number - grid.origin;
    Wide slots = distance / grid.width;
    if (slots * grid.width > distance)
        --slots;
    return grid.origin + slots * grid.width;
}

// An edge that 64 bits do not hold is an infinity.
Position clamped(Wide edge) {
    if (edge < least)
        return minus_infinity;
    return edge > greatest ? plus_infinity : Position{static_cast<std::int64_t>(edge)};
}

Slot expected_slot(std::int64_t number, const Numbers& grid) {
    const Wide lower = floor_to_edge(number, grid);
    return {clamped(lower), clamped(lower + grid.width)};
}

// Around the ends of the types, of the grid's slots, and any.
std::vector<std::int64_t> interesting_numbers(const Numbers& grid, std::mt19937_64& random) {
    constexpr std::int64_t around[] = {0, least, greatest, -32768, 32767, -2147483648, 2147483647};
    std::set<std::int64_t> numbers;
    const auto add = [&](Wide number) {
        if (number >= least && number <= greatest)
            numbers.insert(static_cast<std::int64_t>(number));
    };
    for (const std::int64_t center : around)
        for (int offset = -20; offset <= 20; ++offset)
            add(Wide{center} + offset);
    for (int i = 0; i < 50; ++i) {
        const auto any = static_cast<std::int64_t>(random());
        const Wide edge = floor_to_edge(any, grid);
        for (const Wide number :
             {Wide{any}, edge - 1, edge, edge + 1, edge + grid.width - 1, edge + grid.width})
            add(number);
    }
    return {numbers.begin(), numbers.end()};
}

template <typename Try>
void for_each_grid(Try try_grid) {
    std::mt19937_64 random{20261126};
    for (const std::int64_t width : widths)
        for (const std::int64_t origin : origins) {
            SCOPED_TRACE(std::to_string(width) + " from " + std::to_string(origin));
            const Numbers grid{width, origin};
            try_grid(grid, interesting_numbers(grid, random));
            if (testing::Test::HasFailure())
                return;
        }
}

TEST(NumberGrids, FindTheSlotOfEachNumber) {
    for_each_grid([](const Numbers& grid, const std::vector<std::int64_t>& numbers) {
        for (const std::int64_t number : numbers)
            ASSERT_EQ(slot_at(grid, Position{number}), expected_slot(number, grid)) << number;
    });
}

TEST(NumberGrids, CountSlotsBothWays) {
    for_each_grid([](const Numbers& grid, const std::vector<std::int64_t>& numbers) {
        for (const std::int64_t number : numbers) {
            const Position start = slot_at(grid, Position{number}).lower;
            const Wide lower = floor_to_edge(number, grid);
            for (const int count : {0, 1, 2, 3, 100, 11000, 2147483647})
                ASSERT_EQ(slots_after(grid, start, count),
                          clamped(lower + Wide{count} * grid.width))
                    << number << " and " << count;
            if (start != minus_infinity) {
                for (const int count : {1, 2, 3, 100, 11000, 2147483647})
                    ASSERT_EQ(slots_after(grid, start, -count),
                              clamped(lower - Wide{count} * grid.width))
                        << number << " and -" << count;
            }
        }
        EXPECT_EQ(slots_after(grid, minus_infinity, -1), minus_infinity);
    });
}

// By counting alone, over all that a smallint holds.
TEST(NumberGrids, CutAllSmallintsEvenly) {
    for (const std::int64_t width : {1, 2, 7, 10, 999, 32767, 65535, 65536})
        for (const std::int64_t origin : {0, 1, -1, 5, -32768, 32767, 100000, -100001}) {
            const Numbers grid{width, origin};
            std::int64_t left = (origin - -40000) % width;  // until the next edge
            left = left < 0 ? left + width : left;
            Slot slot = slot_at(grid, Position{-40000 + left});
            ASSERT_EQ(slot.lower.number(), -40000 + left);
            for (std::int64_t number = -40000 + left; number <= 40000; ++number, --left) {
                if (number == slot.upper.number())
                    slot = {Position{number}, Position{number + width}};
                ASSERT_EQ(slot_at(grid, Position{number}), slot)
                    << number << " of " << width << " from " << origin;
            }
        }
}

TEST(NumberGrids, NameEachSlotByItself) {
    for_each_grid([](const Numbers& grid, const std::vector<std::int64_t>& numbers) {
        std::set<std::string> names;
        std::set<std::int64_t> edges;
        for (const std::int64_t number : numbers) {
            const Slot slot = slot_at(grid, Position{number});
            if (slot.lower == plus_infinity)
                continue;
            const std::string name = slot_name("t", grid, slot);
            ASSERT_EQ(slot_named(name, "t", grid), slot) << name;
            names.insert(name);
            edges.insert(slot.lower.number());
        }
        EXPECT_EQ(names.size(), edges.size());
    });
}

TEST(NumberGrids, NameNothingElse) {
    const Numbers grid{10, 5};
    EXPECT_EQ(slot_named("t_15", "t", grid), (Slot{Position{15}, Position{25}}));
    EXPECT_EQ(slot_named("t_m5", "t", grid), (Slot{Position{-5}, Position{5}}));
    for (const char* const name :
         {"t", "t_", "t15", "t_16", "t_015", "t_+15", "t_-5", "t_m", "t_mm5", "t_m-5", "t_5m",
          "t_15_25", "t_15 ", "t_max", "t_9223372036854775808", "t_99999999999999999999", "u_15"})
        EXPECT_EQ(slot_named(name, "t", grid), std::nullopt) << name;
}

TEST(NumberGrids, HaveWindowsOfWholeSlots) {
    for_each_grid([](const Numbers& grid, const std::vector<std::int64_t>& numbers) {
        for (const std::int64_t number : numbers) {
            const Wide lower = floor_to_edge(number, grid);
            const Position current = slot_at(grid, Position{number}).lower;
            if (current == plus_infinity)
                continue;
            const Window window = window_from(current, grid, 2, 3);
            EXPECT_EQ(window.upper, clamped(lower + Wide{3} * grid.width)) << number;
            if (current != minus_infinity) {
                EXPECT_EQ(window.lower, clamped(lower - Wide{3} * grid.width)) << number;
            }
            EXPECT_EQ(window.keeps_everything, window.lower == minus_infinity) << number;
            const std::vector<Slot> slots = slots_of(window);
            ASSERT_LE(slots.size(), 6U) << number;
            ASSERT_FALSE(slots.empty()) << number;
            EXPECT_EQ(slots.front().lower, window.lower) << number;
            EXPECT_EQ(slots.back().upper, window.upper) << number;
            for (std::size_t i = 0; i < slots.size(); ++i) {
                EXPECT_LT(slots[i].lower, slots[i].upper) << number;
                if (i > 0) {
                    EXPECT_EQ(slots[i - 1].upper, slots[i].lower) << number;
                }
            }
        }
    });
}

struct Limits {
    KeyType type;
    std::int64_t least;
    std::int64_t greatest;
};

class CountingKeys : public testing::TestWithParam<Limits> {};

INSTANTIATE_TEST_SUITE_P(, CountingKeys,
                         testing::Values(Limits{KeyType::smallint, -32768, 32767},
                                         Limits{KeyType::integer, -2147483648, 2147483647},
                                         Limits{KeyType::bigint, least, greatest}),
                         [](const auto& test) { return std::string{name_of(test.param.type)}; });

// The greatest number of a bigint is an edge like any other to the server; here it is what no
// number is above.
TEST_P(CountingKeys, HaveBoundsUpToTheEndsOfTheirType) {
    const Limits& limits = GetParam();
    const KeyCodec codec{limits.type, zones::utc};
    std::mt19937_64 random{1};
    Bound before = Bound::min_value();
    for (const std::int64_t number : interesting_numbers({1000, 0}, random)) {
        const Bound bound = codec.encode(Position{number});
        EXPECT_LE(before, bound) << number;
        before = bound;
        if (number <= limits.least) {
            EXPECT_EQ(bound, Bound::min_value()) << number;
        } else if (number > limits.greatest || number == greatest) {
            EXPECT_EQ(bound, Bound::max_value()) << number;
        } else {
            EXPECT_EQ(bound, Bound::of_integer(number)) << number;
            EXPECT_EQ(codec.decode(bound), Position{number});
            EXPECT_EQ(codec.canonical(bound), bound);
        }
        EXPECT_EQ(codec.is_in_range(Position{number}), bound.kind() == Bound::Kind::value)
            << number;
    }
    EXPECT_EQ(codec.canonical(Bound::of_integer(limits.least)), Bound::min_value());
    EXPECT_EQ(codec.decode(Bound::min_value()), minus_infinity);
    EXPECT_EQ(codec.decode(Bound::max_value()), plus_infinity);
    EXPECT_EQ(codec.text(minus_infinity), "MINVALUE");
    EXPECT_EQ(codec.text(Position{-5}), "-5");
    EXPECT_EQ(codec.text(plus_infinity), "MAXVALUE");
}

}  // namespace
}  // namespace ppm
