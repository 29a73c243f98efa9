// The stored numbers that are expected here were read from PostgreSQL 15, which counts days and
// microseconds from 1 January 2000.
#include "core/key/key.hpp"
#include "core/key/uuidv7.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "civil.hpp"
#include "printers.hpp"
#include "test_zones.hpp"

namespace ppm {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t day_of_microseconds = 86400000000;
constexpr std::int64_t microseconds_1970_to_2000 = 946684800000000;

constexpr KeyType key_types[] = {KeyType::date, KeyType::timestamp, KeyType::timestamptz,
                                 KeyType::uuid};

std::int64_t stored(KeyType type, const TimeZone& zone, const std::string& time) {
    return KeyCodec{type, zone}.encode(civil(time)).integer();
}

std::string decoded(KeyType type, const TimeZone& zone, std::int64_t stored) {
    return to_text(KeyCodec{type, zone}.decode(Bound::of_integer(stored)));
}

TEST(KeyTypeName, IsThatOfTheSqlType) {
    EXPECT_EQ(name_of(KeyType::date), "date");
    EXPECT_EQ(name_of(KeyType::timestamp), "timestamp");
    EXPECT_EQ(name_of(KeyType::timestamptz), "timestamptz");
    EXPECT_EQ(name_of(KeyType::uuid), "uuid");
}

struct StoredDay {
    const char* text;
    std::int64_t days;
};

class StoredDays : public testing::TestWithParam<StoredDay> {};

INSTANTIATE_TEST_SUITE_P(, StoredDays,
                         testing::Values(StoredDay{"2000-01-01", 0}, StoredDay{"1999-12-31", -1},
                                         StoredDay{"2000-01-02", 1},
                                         StoredDay{"1970-01-01", -10957},
                                         StoredDay{"2026-11-22", 9822},
                                         StoredDay{"0001-01-01", -730119},
                                         StoredDay{"10000-01-01", 2921940}));

TEST_P(StoredDays, AreADate) {
    EXPECT_EQ(stored(KeyType::date, zones::apia, GetParam().text), GetParam().days);
    EXPECT_EQ(decoded(KeyType::date, zones::apia, GetParam().days), GetParam().text);
}

TEST_P(StoredDays, AreATimestampInMicroseconds) {
    const auto microseconds = GetParam().days * day_of_microseconds;
    EXPECT_EQ(stored(KeyType::timestamp, zones::apia, GetParam().text), microseconds);
    EXPECT_EQ(decoded(KeyType::timestamp, zones::apia, microseconds), GetParam().text);
}

TEST_P(StoredDays, AreATimestamptzInMicrosecondsOfUtc) {
    const auto microseconds = GetParam().days * day_of_microseconds;
    EXPECT_EQ(stored(KeyType::timestamptz, zones::utc, GetParam().text), microseconds);
    EXPECT_EQ(decoded(KeyType::timestamptz, zones::utc, microseconds), GetParam().text);
}

TEST(DateKey, TakesTheDayOfATime) {
    EXPECT_EQ(stored(KeyType::date, zones::utc, "1999-12-31 23:59:59"), -1);
    EXPECT_EQ(stored(KeyType::date, zones::utc, "2000-01-01 23:59:59"), 0);
}

TEST(TimestampKey, KeepsTheMicrosecond) {
    EXPECT_EQ(stored(KeyType::timestamp, zones::utc, "2026-11-22 06:00:00.000001"),
              848642400000001);
    EXPECT_EQ(decoded(KeyType::timestamp, zones::utc, 848642400000001),
              "2026-11-22 06:00:00.000001");
    EXPECT_EQ(decoded(KeyType::timestamp, zones::utc, -1), "1999-12-31 23:59:59.999999");
}

// A midnight, the instant that PostgreSQL gives it in a zone, and the civil time of that instant.
struct ZonedMidnight {
    const char* name;
    const TimeZone& zone;
    const char* text;
    std::int64_t stored;
    const char* shown;
};

class ZonedMidnights : public testing::TestWithParam<ZonedMidnight> {};

INSTANTIATE_TEST_SUITE_P(
    , ZonedMidnights,
    testing::Values(
        ZonedMidnight{"AheadOfUtc", zones::kolkata, "2026-11-22", 848601000000000, "2026-11-22"},
        ZonedMidnight{"BehindUtc", zones::sao_paulo, "2018-11-03", 594529200000000, "2018-11-03"},
        ZonedMidnight{"Skipped", zones::sao_paulo, "2018-11-04", 594615600000000,
                      "2018-11-04 01:00:00"},
        ZonedMidnight{"AfterTheSkippedOne", zones::sao_paulo, "2018-11-05", 594698400000000,
                      "2018-11-05"},
        ZonedMidnight{"Twice", zones::havana, "2018-11-04", 594622800000000, "2018-11-04"},
        ZonedMidnight{"AfterTheOneThatCameTwice", zones::havana, "2018-11-05", 594709200000000,
                      "2018-11-05"},
        ZonedMidnight{"BeforeTheSkippedDay", zones::apia, "2011-12-29", 378468000000000,
                      "2011-12-29"},
        ZonedMidnight{"OfTheSkippedDay", zones::apia, "2011-12-30", 378554400000000, "2011-12-31"},
        ZonedMidnight{"AfterTheSkippedDay", zones::apia, "2011-12-31", 378554400000000,
                      "2011-12-31"}),
    [](const auto& test) { return std::string{test.param.name}; });

TEST_P(ZonedMidnights, AreTheInstantAsATimestamptz) {
    const ZonedMidnight& midnight = GetParam();
    const KeyCodec codec{KeyType::timestamptz, midnight.zone};
    const Bound bound = codec.encode(civil(midnight.text));
    EXPECT_EQ(bound.integer(), midnight.stored);
    EXPECT_EQ(to_text(codec.decode(bound)), midnight.shown);
}

TEST_P(ZonedMidnights, AreTheFirstUuidOfTheInstant) {
    const ZonedMidnight& midnight = GetParam();
    const KeyCodec codec{KeyType::uuid, midnight.zone};
    const Instant instant{std::chrono::microseconds{midnight.stored + microseconds_1970_to_2000}};
    EXPECT_EQ(codec.encode(civil(midnight.text)), Bound::of_bytes(uuidv7_lower_bound(instant)));
    EXPECT_EQ(to_text(codec.decode(codec.encode(civil(midnight.text)))), midnight.shown);
}

TEST_P(ZonedMidnights, AreNothingSpecialForKeysWithoutAZone) {
    for (const KeyType type : {KeyType::date, KeyType::timestamp})
        EXPECT_EQ(stored(type, GetParam().zone, GetParam().text),
                  stored(type, zones::utc, GetParam().text));
}

TEST(UuidKey, BeforeItsTimeBeginsIsTheFirst) {
    const KeyCodec codec{KeyType::uuid, zones::utc};
    EXPECT_EQ(codec.encode(civil("1969-12-31")), codec.encode(civil("1970-01-01")));
    EXPECT_EQ(codec.encode(calendar_begin), codec.encode(civil("1970-01-01")));
    EXPECT_LT(codec.encode(civil("1970-01-01")), codec.encode(civil("1970-01-02")));
}

TEST(UuidKey, ShowsTheTimeOfAnyUuid) {
    const KeyCodec codec{KeyType::uuid, zones::kolkata};
    const Bound bare = Bound::of_bytes({0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0});
    EXPECT_EQ(to_text(codec.decode(bare)), "2022-02-23 00:52:22");
    Uuid last;
    last.fill(0xff);
    EXPECT_EQ(to_text(codec.decode(Bound::of_bytes(last))), "10889-08-02 11:01:50.655000");
}

class EveryKeyType : public testing::TestWithParam<KeyType> {};

INSTANTIATE_TEST_SUITE_P(, EveryKeyType, testing::ValuesIn(key_types),
                         testing::PrintToStringParamName());

TEST_P(EveryKeyType, ShowsMinvalueAndMaxvalueAsInfinity) {
    const KeyCodec codec{GetParam(), zones::kolkata};
    EXPECT_EQ(codec.decode(Bound::min_value()), minus_infinity);
    EXPECT_EQ(codec.decode(Bound::max_value()), plus_infinity);
}

TEST_P(EveryKeyType, EncodesLaterTimesNoLowerAroundEveryChangeOfTheClock) {
    for (const TimeZone* const zone : {&zones::sao_paulo, &zones::havana, &zones::apia}) {
        const KeyCodec codec{GetParam(), *zone};
        for (const char* const day : {"2011-12-28", "2018-03-10", "2018-11-02", "2019-02-15"})
            for (LocalTime time = civil(day); time < civil(day) + 96h; time += 15min)
                ASSERT_LE(codec.encode(time), codec.encode(time + 15min)) << to_text(time);
    }
}

TEST(Infinity, OfADateIsTheLeastAndTheGreatestThirtyTwoBitInteger) {
    EXPECT_EQ(decoded(KeyType::date, zones::utc, std::numeric_limits<std::int32_t>::min()),
              "-infinity");
    EXPECT_EQ(decoded(KeyType::date, zones::utc, std::numeric_limits<std::int32_t>::max()),
              "infinity");
}

TEST(Infinity, OfATimestampIsTheLeastAndTheGreatestSixtyFourBitInteger) {
    for (const KeyType type : {KeyType::timestamp, KeyType::timestamptz}) {
        EXPECT_EQ(decoded(type, zones::kolkata, std::numeric_limits<std::int64_t>::min()),
                  "-infinity");
        EXPECT_EQ(decoded(type, zones::kolkata, std::numeric_limits<std::int64_t>::max()),
                  "infinity");
    }
}

TEST(FirstTime, OfPostgresqlIsShown) {
    EXPECT_EQ(decoded(KeyType::date, zones::utc, -2451545), "4714-11-24 BC");
    for (const KeyType type : {KeyType::timestamp, KeyType::timestamptz})
        EXPECT_EQ(decoded(type, zones::utc, -2451545 * day_of_microseconds), "4714-11-24 BC");
}

TEST(FarTime, IsShownUpToTheLastYearOfTheStandardLibrary) {
    EXPECT_EQ(decoded(KeyType::date, zones::utc, 11237780), "32767-12-31");
    for (const KeyType type : {KeyType::timestamp, KeyType::timestamptz})
        EXPECT_EQ(decoded(type, zones::utc, 11237780 * day_of_microseconds), "32767-12-31");
}

TEST(FarTime, IsShownAsInfinityPastThat) {
    EXPECT_EQ(decoded(KeyType::date, zones::utc, 11237781), "infinity");
    EXPECT_EQ(decoded(KeyType::date, zones::utc, 2145031948), "infinity");  // 5874897-12-31
    for (const KeyType type : {KeyType::timestamp, KeyType::timestamptz}) {
        EXPECT_EQ(decoded(type, zones::utc, 11237781 * day_of_microseconds), "infinity");
        // 294276-12-31 23:59:59.999999
        EXPECT_EQ(decoded(type, zones::kolkata, 9223371331199999999), "infinity");
    }
}

// Near the end of what 64 bits of microseconds since 1970 hold, a zone ahead of UTC has no civil
// time.
TEST(FarTime, IsShownAsInfinityInEveryZone) {
    EXPECT_EQ(decoded(KeyType::timestamptz, zones::kolkata,
                      std::numeric_limits<std::int64_t>::max() - microseconds_1970_to_2000),
              "infinity");
}

Bound uuid_bound(std::uint8_t version_byte, std::uint8_t variant_byte, std::uint8_t last_byte) {
    return Bound::of_bytes({0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, version_byte, 0, variant_byte, 0, 0,
                            0, 0, 0, 0, last_byte});
}

TEST(CanonicalUuid, OfABareTimestampIsTheFirstUuidOfItsMillisecond) {
    const KeyCodec codec{KeyType::uuid, zones::kolkata};
    EXPECT_EQ(codec.canonical(uuid_bound(0, 0, 0)), uuid_bound(0x70, 0x80, 0));
    EXPECT_EQ(codec.canonical(Bound::of_bytes({})), Bound::of_bytes(uuidv7_lower_bound(Instant{})));
}

TEST(CanonicalUuid, OfAnyOtherIsItself) {
    const KeyCodec codec{KeyType::uuid, zones::kolkata};
    for (const Bound& bound : {uuid_bound(0x70, 0x80, 0), uuid_bound(0x70, 0x80, 1),
                               uuid_bound(0, 0, 1), uuid_bound(0x40, 0x80, 0),
                               uuid_bound(0x70, 0, 0), Bound::min_value(), Bound::max_value()})
        EXPECT_EQ(codec.canonical(bound), bound);
}

TEST(CanonicalBound, OfOtherKeysIsItself) {
    // The least integer is all zeros inside, as a bare timestamp is.
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    for (const KeyType type : {KeyType::date, KeyType::timestamp, KeyType::timestamptz})
        for (const Bound& bound : {Bound::min_value(), Bound::of_integer(least),
                                   Bound::of_integer(9822), Bound::max_value()})
            EXPECT_EQ((KeyCodec{type, zones::kolkata}.canonical(bound)), bound);
}

}  // namespace
}  // namespace ppm
