// Where the window of a key that counts lies, and what is taken for a slip.
#include "core/grid/greatest_key.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "printers.hpp"

namespace ppm {
namespace {

constexpr int pre_provisioned = 3;
const Grid hundreds = Numbers{100};

GreatestKey key(std::int64_t greatest, std::optional<std::int64_t> next = {}) {
    GreatestKey result;
    result.greatest = Position{greatest};
    if (next)
        result.next = Position{*next};
    result.has_own_partition = true;
    result.others_have = true;
    return result;
}

GreatestKey in_default(GreatestKey key) {
    key.has_own_partition = false;
    return key;
}

bool jumped(const GreatestKey& key) {
    return has_jumped(key, hundreds, pre_provisioned);
}

Window window(const GreatestKey& key, std::optional<int> retention = 2) {
    return window_of(key, hundreds, pre_provisioned, retention);
}

TEST(GreatestKey, HasJumpedOverMoreThanPreProvisionedSlots) {
    EXPECT_FALSE(jumped(key(599, 299)));
    EXPECT_FALSE(jumped(key(500, 299)));
    EXPECT_TRUE(jumped(key(600, 299)));
    EXPECT_FALSE(jumped(key(600, 300)));
    EXPECT_TRUE(jumped(key(9223372036854775807, 300)));
}

TEST(GreatestKey, HasJumpedOverTheSlotsOfAnyGrid) {
    EXPECT_FALSE(has_jumped(key(604, 299), Numbers{100, 5}, pre_provisioned));
    EXPECT_TRUE(has_jumped(key(605, 299), Numbers{100, 5}, pre_provisioned));
    EXPECT_TRUE(has_jumped(key(-301, -800), Numbers{100}, pre_provisioned));
    EXPECT_FALSE(has_jumped(key(-401, -800), Numbers{100}, pre_provisioned));
    EXPECT_FALSE(has_jumped(key(9223372036854775807, 1), Numbers{9000000000000000000}, 1));
    EXPECT_FALSE(has_jumped(key(9223372036854775807, -9223372036854775807),
                            Numbers{9000000000000000000}, 3));
}

TEST(GreatestKey, OfAPartitionOfItsOwnAloneHasNotJumped) {
    EXPECT_FALSE(jumped(key(1000000)));
}

TEST(GreatestKey, InTheDefaultPartitionIsComparedWithTheStart) {
    EXPECT_TRUE(jumped(in_default(key(1000000))));
    EXPECT_FALSE(jumped(in_default(key(350))));
    GreatestKey late = in_default(key(1000000));
    late.start = Position{999900};
    EXPECT_FALSE(jumped(late));
}

// A table that has only a default partition as yet begins where its keys are.
TEST(GreatestKey, WithRoomForNoOtherHasNotJumped) {
    GreatestKey only = in_default(key(1000000));
    only.others_have = false;
    EXPECT_FALSE(jumped(only));
    EXPECT_EQ(window(only).current, Position{1000000});
}

// Whether there are keys between the start and this one is not known while somebody has their
// partitions locked.
TEST(GreatestKey, WithOthersThatAreNotKnownIsInDoubt) {
    GreatestKey uncertain = key(1000000);
    uncertain.is_certain = false;
    EXPECT_TRUE(jumped(uncertain));
    EXPECT_EQ(window(uncertain).current, Position{1000000});
    uncertain.next = Position{999999};
    EXPECT_FALSE(jumped(uncertain));
    uncertain = key(350);
    uncertain.is_certain = false;
    EXPECT_FALSE(jumped(uncertain));
}

TEST(GreatestKey, NoneHasNotJumped) {
    EXPECT_FALSE(jumped({}));
}

TEST(WindowOfAKey, HasTheGreatestKeyInItsCurrentSlot) {
    const Window each = window(key(1234, 1150));
    EXPECT_EQ(each.current, Position{1200});
    EXPECT_EQ(each.lower, Position{1000});
    EXPECT_EQ(each.upper, Position{1600});
    EXPECT_FALSE(each.keeps_everything);
}

TEST(WindowOfAKey, BeginsNotBeforeTheStart) {
    GreatestKey started = key(1234, 1150);
    started.start = Position{1130};
    const Window each = window(started);
    EXPECT_EQ(each.first, Position{1100});
    const std::vector<Slot> slots = slots_of(each);
    EXPECT_EQ(slots.front().lower, Position{1100});
    EXPECT_EQ(slots.back().upper, Position{1600});
    // But with the keys, if they are below.
    started.start = Position{5000};
    EXPECT_EQ(slots_of(window(started)).front().lower, Position{1200});
}

TEST(WindowOfAKey, OfNoRowsIsThatOfTheStartAndKeepsEverything) {
    GreatestKey none;
    none.start = Position{25};
    const Window each = window(none);
    EXPECT_EQ(each.current, Position{0});
    EXPECT_EQ(slots_of(each).front().lower, Position{0});
    EXPECT_EQ(each.upper, Position{400});
    EXPECT_TRUE(each.keeps_everything);
    EXPECT_FALSE(window(key(25)).keeps_everything);
    EXPECT_TRUE(window(key(25), std::nullopt).keeps_everything);
}

TEST(WindowOfAKey, LeapsAfterASlipOnlyIntoAPartitionOfItsOwn) {
    EXPECT_EQ(window(key(1000000, 299)).current, Position{1000000});
    EXPECT_EQ(window(in_default(key(1000000, 299))).current, Position{200});
    EXPECT_EQ(window(in_default(key(1000000))).current, Position{0});
    EXPECT_EQ(window(in_default(key(599, 299))).current, Position{500});
}

}  // namespace
}  // namespace ppm
