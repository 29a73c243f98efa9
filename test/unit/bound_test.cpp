#include "core/key/bound.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "printers.hpp"

namespace ppm {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

constexpr auto least = std::numeric_limits<std::int64_t>::min();
constexpr auto greatest = std::numeric_limits<std::int64_t>::max();

Bytes with_byte(std::size_t position, std::uint8_t value) {
    Bytes bytes{};
    bytes[position] = value;
    return bytes;
}

// Each is less than all that follow it, and equal to itself only.
void expect_strictly_ascending(const std::vector<Bound>& bounds) {
    for (std::size_t i = 0; i < bounds.size(); ++i)
        for (std::size_t j = 0; j < bounds.size(); ++j) {
            EXPECT_EQ(bounds[i] < bounds[j], i < j) << i << " and " << j;
            EXPECT_EQ(bounds[i] == bounds[j], i == j) << i << " and " << j;
        }
}

TEST(Bound, OrdersIntegersBetweenMinvalueAndMaxvalue) {
    std::vector<Bound> bounds{Bound::min_value()};
    for (const std::int64_t stored :
         {least, least + 1, std::int64_t{-86400000000}, std::int64_t{-1}, std::int64_t{0},
          std::int64_t{1}, std::int64_t{9830}, greatest - 1, greatest})
        bounds.push_back(Bound::of_integer(stored));
    bounds.push_back(Bound::max_value());
    expect_strictly_ascending(bounds);
}

TEST(Bound, OrdersUuidsByTheirBytesBetweenMinvalueAndMaxvalue) {
    std::vector<Bound> bounds{Bound::min_value(), Bound::of_bytes({})};
    for (std::size_t position = 16; position > 0; --position)
        for (const std::uint8_t value : std::array<std::uint8_t, 4>{0x01, 0x7f, 0x80, 0xff})
            bounds.push_back(Bound::of_bytes(with_byte(position - 1, value)));
    Bytes last;
    last.fill(0xff);
    bounds.push_back(Bound::of_bytes(last));
    bounds.push_back(Bound::max_value());
    expect_strictly_ascending(bounds);
}

TEST(Bound, KnowsItsKind) {
    EXPECT_EQ(Bound::min_value().kind(), Bound::Kind::min_value);
    EXPECT_EQ(Bound::of_integer(least).kind(), Bound::Kind::value);
    EXPECT_EQ(Bound::of_bytes({}).kind(), Bound::Kind::value);
    EXPECT_EQ(Bound::max_value().kind(), Bound::Kind::max_value);
}

TEST(Bound, KeepsAnInteger) {
    for (const std::int64_t stored : {least, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1},
                                      std::int64_t{0x0123456789abcdef}, greatest})
        EXPECT_EQ(Bound::of_integer(stored).integer(), stored);
}

TEST(Bound, KeepsTheBytesOfAUuid) {
    const Bytes bytes{0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3,
                      0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};
    EXPECT_EQ(Bound::of_bytes(bytes).bytes(), bytes);
    EXPECT_EQ(Bound::of_bytes(with_byte(0, 0xff)).bytes(), with_byte(0, 0xff));
    EXPECT_EQ(Bound::of_bytes(with_byte(15, 0xff)).bytes(), with_byte(15, 0xff));
}

BoundRange range(std::int64_t lower, std::int64_t upper) {
    return {Bound::of_integer(lower), Bound::of_integer(upper)};
}

TEST(BoundRange, IsEmptyUnlessItsLowerBoundIsLess) {
    EXPECT_FALSE(range(-1, 0).empty());
    EXPECT_TRUE(range(0, 0).empty());
    EXPECT_TRUE(range(1, 0).empty());
    EXPECT_FALSE((BoundRange{Bound::min_value(), Bound::max_value()}).empty());
}

TEST(BoundRange, OverlapsWhatSharesAPointWithIt) {
    EXPECT_TRUE(range(10, 20).overlaps(range(10, 20)));
    EXPECT_TRUE(range(10, 20).overlaps(range(12, 13)));
    EXPECT_TRUE(range(12, 13).overlaps(range(10, 20)));
    EXPECT_TRUE(range(10, 20).overlaps(range(19, 30)));
    EXPECT_TRUE(range(10, 20).overlaps(range(0, 11)));
    EXPECT_TRUE(range(10, 20).overlaps({Bound::min_value(), Bound::max_value()}));
}

TEST(BoundRange, DoesNotOverlapItsNeighbours) {
    EXPECT_FALSE(range(10, 20).overlaps(range(20, 30)));
    EXPECT_FALSE(range(10, 20).overlaps(range(0, 10)));
    EXPECT_FALSE(range(10, 20).overlaps(range(25, 30)));
    EXPECT_FALSE(range(10, 20).overlaps({Bound::min_value(), Bound::of_integer(10)}));
    EXPECT_FALSE(range(10, 20).overlaps({Bound::of_integer(20), Bound::max_value()}));
}

}  // namespace
}  // namespace ppm
