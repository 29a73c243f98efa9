#include "core/key/uuidv7.hpp"

#include <gtest/gtest.h>

namespace ppm {
namespace {

using namespace std::chrono_literals;

// RFC 9562, appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F is of 2022-02-22 19:22:22 UTC.
constexpr Uuid rfc_example{0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3,
                           0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};
constexpr Instant rfc_instant{1645557742000ms};

constexpr Uuid rfc_lower_bound{0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x70, 0x00,
                               0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
constexpr Uuid first_lower_bound{0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0};
constexpr Uuid last_lower_bound{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x70, 0,
                                0x80, 0,    0,    0,    0,    0,    0,    0};
constexpr Uuid rfc_bare_timestamp{0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0};

TEST(Uuidv7LowerBound, HasTheTimeTheVersionAndTheVariant) {
    EXPECT_EQ(uuidv7_lower_bound(rfc_instant), rfc_lower_bound);
    EXPECT_EQ(uuidv7_lower_bound(Instant{0x0123456789abms}),
              (Uuid{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x70, 0, 0x80}));
}

TEST(Uuidv7LowerBound, IsNotAboveAnyUuidOfItsMillisecond) {
    EXPECT_LT(uuidv7_lower_bound(rfc_instant), rfc_example);
    EXPECT_GT(uuidv7_lower_bound(rfc_instant + 1ms), rfc_example);
}

TEST(Uuidv7LowerBound, IsCutToTheMillisecond) {
    EXPECT_EQ(uuidv7_lower_bound(rfc_instant + 999us), rfc_lower_bound);
    EXPECT_LT(uuidv7_lower_bound(rfc_instant - 1us), rfc_lower_bound);
    EXPECT_EQ(uuidv7_lower_bound(rfc_instant - 1us), uuidv7_lower_bound(rfc_instant - 1ms));
}

TEST(Uuidv7LowerBound, IsTheFirstForWhatLiesBefore1970) {
    EXPECT_EQ(uuidv7_lower_bound(Instant{}), first_lower_bound);
    EXPECT_EQ(uuidv7_lower_bound(Instant{-1us}), first_lower_bound);
    EXPECT_EQ(uuidv7_lower_bound(Instant{-1s}), first_lower_bound);
    EXPECT_EQ(uuidv7_lower_bound(Instant::min()), first_lower_bound);
}

TEST(Uuidv7LowerBound, IsTheLastForWhatLiesPastFortyEightBits) {
    constexpr Instant last{0xffffffffffffms};
    EXPECT_EQ(uuidv7_lower_bound(last), last_lower_bound);
    EXPECT_EQ(uuidv7_lower_bound(last + 1ms), last_lower_bound);
    EXPECT_EQ(uuidv7_lower_bound(Instant::max()), last_lower_bound);
    EXPECT_LT(uuidv7_lower_bound(last - 1ms), last_lower_bound);
}

TEST(Uuidv7LowerBound, OrdersAsTheInstantsDo) {
    // Steps that carry from each byte of the time into the next.
    for (int bit = 0; bit < 48; ++bit) {
        const Instant carry{std::chrono::milliseconds{std::int64_t{1} << bit}};
        EXPECT_LT(uuidv7_lower_bound(carry - 1ms), uuidv7_lower_bound(carry)) << bit;
        EXPECT_LT(uuidv7_lower_bound(carry), uuidv7_lower_bound(carry + 1ms)) << bit;
    }
}

TEST(Uuidv7Instant, IsTheTimeOfTheUuid) {
    EXPECT_EQ(uuidv7_instant(rfc_example), rfc_instant);
    EXPECT_EQ(uuidv7_instant(rfc_bare_timestamp), rfc_instant);
    EXPECT_EQ(uuidv7_instant(first_lower_bound), Instant{});
    EXPECT_EQ(uuidv7_instant(last_lower_bound), Instant{281474976710655ms});
}

TEST(Uuidv7Version, IsReadFromVersionAndVariant) {
    EXPECT_TRUE(is_uuidv7(rfc_example));
    EXPECT_TRUE(is_uuidv7(first_lower_bound));
    EXPECT_FALSE(is_uuidv7(rfc_bare_timestamp));

    for (unsigned value = 0; value < 256; ++value) {
        Uuid other_version = rfc_example;
        other_version[6] = static_cast<std::uint8_t>(value);
        EXPECT_EQ(is_uuidv7(other_version), value / 16 == 7) << value;

        Uuid other_variant = rfc_example;
        other_variant[8] = static_cast<std::uint8_t>(value);
        EXPECT_EQ(is_uuidv7(other_variant), value / 64 == 2) << value;
    }
}

TEST(BareTimestamp, HasNothingButTheTime) {
    EXPECT_TRUE(is_bare_timestamp(rfc_bare_timestamp));
    EXPECT_TRUE(is_bare_timestamp({}));
    EXPECT_FALSE(is_bare_timestamp(rfc_lower_bound));
    for (std::size_t position = 6; position < 16; ++position) {
        Uuid uuid = rfc_bare_timestamp;
        uuid[position] = 1;
        EXPECT_FALSE(is_bare_timestamp(uuid)) << position;
    }
}

}  // namespace
}  // namespace ppm
