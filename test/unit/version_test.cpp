#include "core/version.hpp"

#include <gtest/gtest.h>

namespace ppm {
namespace {

TEST(Version, ComesAfterAnotherNumberByNumber) {
    EXPECT_TRUE(is_newer("1.0.1", "1.0.0"));
    EXPECT_TRUE(is_newer("1.1.0", "1.0.9"));
    EXPECT_TRUE(is_newer("2.0.0", "1.9.9"));
    EXPECT_TRUE(is_newer("1.0.10", "1.0.9"));
    EXPECT_FALSE(is_newer("1.0.0", "1.0.1"));
    EXPECT_FALSE(is_newer("1.0.9", "1.0.10"));
    EXPECT_FALSE(is_newer("1.9.9", "2.0.0"));
}

TEST(Version, DoesNotComeAfterItself) {
    EXPECT_FALSE(is_newer("1.0.0", "1.0.0"));
    EXPECT_FALSE(is_newer("1.0", "1.0.0"));
    EXPECT_FALSE(is_newer("1.0.0", "1"));
    EXPECT_FALSE(is_newer("", ""));
}

TEST(Version, LacksNothingButZeros) {
    EXPECT_TRUE(is_newer("1.0.1", "1.0"));
    EXPECT_TRUE(is_newer("1", ""));
    EXPECT_FALSE(is_newer("1.0", "1.0.1"));
}

TEST(Version, EndsWhereThereIsNoNumber) {
    EXPECT_FALSE(is_newer("1.0.0beta", "1.0.0"));
    EXPECT_FALSE(is_newer("1.x.5", "1.0.0"));
    EXPECT_TRUE(is_newer("1.1beta", "1.0.0"));
    EXPECT_FALSE(is_newer("99999999999.1", "1.0.0"));  // more than a number holds
}

}  // namespace
}  // namespace ppm
