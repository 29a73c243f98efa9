// Keys that tell time in their own way. The expected numbers are from date(1), from the documents
// of Twitter's Snowflake and from the ULID specification.
#include "core/key/encoding.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/key/key.hpp"
#include "core/key/ulid.hpp"
#include "key_bounds.hpp"
#include "printers.hpp"
#include "test_zones.hpp"

namespace ppm {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t greatest = std::numeric_limits<std::int64_t>::max();

struct Encoded {
    const char* name;
    Key key;
    const char* time;  // of UTC
    std::int64_t number;
};

class KnownNumbers : public testing::TestWithParam<Encoded> {};

const Encoded known_numbers[] = {
    {"Seconds", {KeyType::bigint, KeyEncoding::seconds}, "2026-11-26 13:20", 1795699200},
    {"SecondsBefore1970", {KeyType::integer, KeyEncoding::seconds}, "1969-12-31 23:59:59", -1},
    {"Milliseconds",
     {KeyType::bigint, KeyEncoding::milliseconds},
     "2026-11-26 13:20:00.123",
     1795699200123},
    {"Microseconds",
     {KeyType::bigint, KeyEncoding::microseconds},
     "2026-11-26 13:20:00.123456",
     1795699200123456},
    {"Nanoseconds",
     {KeyType::bigint, KeyEncoding::nanoseconds},
     "2026-11-26 13:20:00.123456",
     1795699200123456000},
    {"SnowflakeAtItsEpoch",
     {KeyType::bigint, KeyEncoding::snowflake},
     "2010-11-04 01:42:54.657",
     0},
    // (1795699200000 - 1288834974657) * 2^22
    {"Snowflake",
     {KeyType::bigint, KeyEncoding::snowflake},
     "2026-11-26 13:20",
     506864225343 * 4194304},
    {"SnowflakeOfAnotherEpoch",
     {KeyType::bigint, KeyEncoding::snowflake,
      Snowflake{Instant{std::chrono::milliseconds{1420070400000}}, 23}},
     "2015-01-01 00:00:01",
     std::int64_t{1000} * 8388608}};

INSTANTIATE_TEST_SUITE_P(, KnownNumbers, testing::ValuesIn(known_numbers),
                         [](const auto& test) { return std::string{test.param.name}; });

TEST_P(KnownNumbers, AreOfTheirTime) {
    const Encoded& each = GetParam();
    const KeyCodec codec{each.key, zones::utc};
    EXPECT_EQ(codec.encode(Position{civil(each.time)}), Bound::of_integer(each.number));
    EXPECT_EQ(codec.encode(utc_instant(each.time)), Bound::of_integer(each.number));
    EXPECT_EQ(to_text(codec.decode(Bound::of_integer(each.number))), to_text(civil(each.time)));
}

constexpr KeyType all_types[] = {KeyType::date,   KeyType::timestamp, KeyType::timestamptz,
                                 KeyType::uuid,   KeyType::smallint,  KeyType::integer,
                                 KeyType::bigint, KeyType::text,      KeyType::varchar};

// The types that may have the encoding.
std::vector<KeyType> types_with(KeyEncoding encoding) {
    std::vector<KeyType> types;
    std::ranges::copy_if(all_types, std::back_inserter(types),
                         [&](KeyType type) { return type_supports_encoding(type, encoding); });
    return types;
}

// Every encoding with each type that may have it, and Snowflake IDs of several kinds.
std::vector<Key> encoded_keys() {
    std::vector<Key> keys;
    for (std::size_t i = 0; i < key_encoding_names.size(); ++i)
        for (const KeyType type : types_with(static_cast<KeyEncoding>(i)))
            keys.emplace_back(type, static_cast<KeyEncoding>(i));
    const Instant epochs[] = {Instant{}, utc_instant("2015-01-01"), utc_instant("2060-01-01")};
    for (const Instant epoch : epochs)
        for (const int shift : {0, 1, 16, 23, 24, 41, longest_shift})
            keys.emplace_back(KeyType::bigint, KeyEncoding::snowflake, Snowflake{epoch, shift});
    return keys;
}

// All other tests of an encoding would not notice a wrong epoch.
TEST(EncodingTest, HasAKnownNumberIfIntegersCanHaveIt) {
    for (std::size_t i = 0; i < key_encoding_names.size(); ++i) {
        const auto encoding = static_cast<KeyEncoding>(i);
        if (!type_supports_encoding(KeyType::bigint, encoding))
            continue;
        EXPECT_TRUE(std::ranges::any_of(known_numbers, [&](const Encoded& each) {
            return each.key.encoding == encoding;
        })) << name_of(encoding);
    }
}

TEST(EncodingTest, BelongsToSomeTypes) {
    using enum KeyType;
    for (const KeyEncoding encoding : {KeyEncoding::seconds, KeyEncoding::milliseconds,
                                       KeyEncoding::microseconds, KeyEncoding::nanoseconds})
        EXPECT_EQ(types_with(encoding), (std::vector{integer, bigint})) << name_of(encoding);
    EXPECT_EQ(types_with(KeyEncoding::snowflake), (std::vector{bigint}));
    EXPECT_EQ(types_with(KeyEncoding::ulid), (std::vector{uuid, text, varchar}));
}

std::string label_of(const Key& key) {
    std::string label = std::string{name_of(key.type)} + "_" + std::string{name_of(*key.encoding)};
    if (key.encoding == KeyEncoding::snowflake)
        label += "_" + std::to_string(key.snowflake.epoch.time_since_epoch().count()) + "_" +
                 std::to_string(key.snowflake.shift);
    return label;
}

class EncodedKeys : public testing::TestWithParam<Key> {};

INSTANTIATE_TEST_SUITE_P(, EncodedKeys, testing::ValuesIn(encoded_keys()),
                         [](const auto& test) { return label_of(test.param); });

// Any instant of the calendar, the ends of the types, and those beside each.
std::vector<Instant> instants() {
    std::vector<Instant> all;
    std::mt19937_64 random{7};
    const auto length =
        static_cast<std::uint64_t>((calendar_end - calendar_begin) / std::chrono::microseconds{1});
    for (int i = 0; i < 300; ++i) {
        const auto into = std::chrono::microseconds{static_cast<std::int64_t>(random() % length)};
        all.emplace_back((calendar_begin + into).time_since_epoch());
        all.push_back(
            utc_instant("1970-01-01") +
            std::chrono::microseconds{static_cast<std::int64_t>(random() % 7000000000000000U)});
    }
    for (const char* const time :
         {"0001-01-01", "1677-09-21 00:12:43.145224", "1901-12-13 20:45:52", "1970-01-01",
          "2010-11-04 01:42:54.657", "2015-01-01", "2038-01-19 03:14:07", "2060-01-01",
          "2262-04-11 23:47:16.854775", "9999-12-31"})
        for (const auto beside : {-1000001us, -1000us, -1us, 0us, 1us, 1000us, 1000001us})
            all.push_back(utc_instant(time) + beside);
    std::sort(all.begin(), all.end());
    return all;
}

// How finely the key tells time.
std::chrono::microseconds unit_of(KeyEncoding encoding) {
    switch (encoding) {
        case KeyEncoding::seconds:
            return 1s;
        case KeyEncoding::microseconds:
        case KeyEncoding::nanoseconds:
            return 1us;
        case KeyEncoding::milliseconds:
        case KeyEncoding::snowflake:
        case KeyEncoding::ulid:
            return 1ms;
    }
    std::abort();
}

TEST_P(EncodedKeys, NeverDecreaseInTime) {
    const KeyCodec codec{GetParam(), zones::utc};
    Bound before = Bound::min_value();
    for (const Instant instant : instants()) {
        const Bound bound = codec.encode(instant);
        EXPECT_LE(before, bound) << to_text(LocalTime{instant.time_since_epoch()});
        before = bound;
    }
}

TEST_P(EncodedKeys, TellTheInstantThatTheyAreMadeOf) {
    const KeyCodec codec{GetParam(), zones::utc};
    const auto unit = unit_of(*GetParam().encoding);
    int told = 0;
    for (const Instant instant : instants()) {
        const Bound bound = codec.encode(instant);
        const bool is_clamped = GetParam().encoding == KeyEncoding::ulid && instant < Instant{};
        if (bound.kind() != Bound::Kind::value || is_clamped)
            continue;
        ++told;
        // All instants of one unit have one key, and it tells the first of them. Units are counted
        // from the key's epoch.
        const auto since_epoch = instant - GetParam().snowflake.epoch;
        const bool counts_from_epoch = GetParam().encoding == KeyEncoding::snowflake;
        auto into_unit = (counts_from_epoch ? since_epoch : instant.time_since_epoch()) % unit;
        if (into_unit < 0us)
            into_unit += unit;
        const LocalTime first{(instant - into_unit).time_since_epoch()};
        EXPECT_EQ(codec.decode(bound), Position{first}) << to_text(first);
        EXPECT_EQ(codec.canonical(bound), bound);
    }
    if (GetParam().snowflake.shift <= 24) {
        EXPECT_GT(told, GetParam().type == KeyType::integer ? 5 : 30);
    }
}

TEST_P(EncodedKeys, AreTheSmallestOfTheirInstant) {
    const KeyCodec codec{GetParam(), zones::utc};
    if (!is_integer(GetParam().type))
        return;
    for (const Instant instant : instants()) {
        const Bound bound = codec.encode(instant);
        if (bound.kind() != Bound::Kind::value)
            continue;
        const Position told = codec.decode(bound);
        EXPECT_LT(codec.decode(Bound::of_integer(bound.integer() - 1)), told) << to_text(told);
    }
}

// Minute by minute: edges never run backwards. That the current slot holds now, clock_change_test
// tries.
TEST_P(EncodedKeys, FollowTheClockThroughEveryChangeOfIt) {
    const std::pair<const TimeZone*, const char*> changes[] = {
        {&zones::sao_paulo, "2018-11-04 03:00"}, {&zones::sao_paulo, "2019-02-17 02:00"},
        {&zones::havana, "2018-03-11 05:00"},    {&zones::havana, "2018-11-04 05:00"},
        {&zones::apia, "2011-12-30 10:00"},      {&zones::new_york, "2026-03-08 07:00"},
        {&zones::new_york, "2026-11-01 06:00"},  {&zones::lord_howe, "2026-04-04 15:00"},
        {&zones::lord_howe, "2026-10-03 15:30"}, {&zones::kolkata, "2026-11-26 18:30"}};
    for (const auto& [zone, change] : changes) {
        const KeyCodec codec{GetParam(), *zone};
        const Instant at = utc_instant(change);
        Bound before = Bound::min_value();
        for (LocalTime time = zone->civil(at - 26h); time < zone->civil(at) + 30h; time += 1min) {
            const Bound bound = codec.encode(Position{time});
            ASSERT_LE(before, bound) << to_text(time);
            before = bound;
        }
    }
}

TEST(IntegerLimits, EndWithTheirType) {
    const KeyCodec codec{{KeyType::integer, KeyEncoding::seconds}, zones::utc};
    EXPECT_EQ(codec.encode(Position{civil("2038-01-19 03:14:07")}), Bound::of_integer(2147483647));
    EXPECT_EQ(codec.encode(Position{civil("2038-01-19 03:14:08")}), Bound::max_value());
    EXPECT_EQ(codec.encode(Position{civil("1901-12-13 20:45:53")}), Bound::of_integer(-2147483647));
    EXPECT_EQ(codec.encode(Position{civil("1901-12-13 20:45:52")}), Bound::min_value());
    EXPECT_FALSE(codec.is_in_range(Position{civil("2038-01-19 03:14:08")}));
    EXPECT_TRUE(codec.is_in_range(Position{civil("2038-01-19 03:14:07")}));
}

TEST(BigintLimits, EndWithSixtyFourBits) {
    const KeyCodec nanoseconds{{KeyType::bigint, KeyEncoding::nanoseconds}, zones::utc};
    EXPECT_EQ(nanoseconds.encode(Position{civil("2262-04-11 23:47:16")}),
              Bound::of_integer(9223372036000000000));
    EXPECT_EQ(nanoseconds.encode(Position{civil("2262-04-11 23:47:17")}), Bound::max_value());
    EXPECT_EQ(nanoseconds.encode(Position{civil("1677-09-21 00:12:43")}), Bound::min_value());
    const KeyCodec snowflake{{KeyType::bigint, KeyEncoding::snowflake}, zones::utc};
    EXPECT_EQ(snowflake.encode(Position{civil("2080-07-11")}).kind(), Bound::Kind::max_value);
    EXPECT_EQ(snowflake.encode(Position{civil("2080-07-10")}).kind(), Bound::Kind::value);
    EXPECT_EQ(snowflake.encode(Position{civil("1941-01-01")}), Bound::min_value());
}

// A catch-all's end may be written as the greatest number of the type, which a small type reaches
// within the calendar.
TEST(BigintLimits, EndBetweenAnEpochAndATimeFarFromEachOther) {
    const Snowflake snowflake{Instant{std::chrono::microseconds{-210866803200000000}}, 0};
    EXPECT_EQ(
        integer_of(Instant{std::chrono::microseconds{greatest}}, KeyEncoding::snowflake, snowflake),
        std::nullopt);
}

TEST(OpenEnd, IsTheGreatestNumberOfTheType) {
    const auto is_open_ended = [](const Key& key, std::int64_t upper) {
        return KeyCodec{key, zones::utc}.is_open_ended(
            {Bound::min_value(), Bound::of_integer(upper)});
    };
    const std::pair<KeyType, std::int64_t> types[] = {
        {KeyType::smallint, std::numeric_limits<std::int16_t>::max()},
        {KeyType::integer, std::numeric_limits<std::int32_t>::max()},
        {KeyType::bigint, greatest}};
    for (const auto& [type, last] : types) {
        EXPECT_TRUE(is_open_ended(type, last)) << name_of(type);
        EXPECT_FALSE(is_open_ended(type, last - 1)) << name_of(type);
    }
    for (const Key& key : encoded_keys())
        if (is_integer(key.type)) {
            const std::int64_t last = types[key.type == KeyType::integer ? 1 : 2].second;
            EXPECT_TRUE(is_open_ended(key, last)) << label_of(key);
        }
}

// What no calendar tells is shown as an infinity, not as some other time.
TEST(BigintLimits, AreInfiniteWhereTheyAreNoTime) {
    for (const KeyEncoding encoding : {KeyEncoding::seconds, KeyEncoding::milliseconds}) {
        const KeyCodec codec{{KeyType::bigint, encoding}, zones::kolkata};
        EXPECT_EQ(codec.decode(Bound::of_integer(greatest)), plus_infinity);
        EXPECT_EQ(codec.decode(Bound::of_integer(-greatest)), minus_infinity);
        EXPECT_TRUE(codec.is_open_ended({Bound::min_value(), Bound::of_integer(greatest)}));
    }
    const KeyCodec wide{{KeyType::bigint, KeyEncoding::snowflake, Snowflake{Instant{}, 0}},
                        zones::kolkata};
    EXPECT_EQ(wide.decode(Bound::of_integer(greatest)), plus_infinity);
    EXPECT_EQ(wide.decode(Bound::of_integer(-greatest)), minus_infinity);
}

TEST(KeyEncodingName, IsThatOfTheSqlValue) {
    constexpr std::pair<KeyEncoding, std::string_view> names[] = {
        {KeyEncoding::seconds, "seconds"},           {KeyEncoding::milliseconds, "milliseconds"},
        {KeyEncoding::microseconds, "microseconds"}, {KeyEncoding::nanoseconds, "nanoseconds"},
        {KeyEncoding::snowflake, "snowflake"},       {KeyEncoding::ulid, "ulid"}};
    static_assert(std::size(names) == key_encoding_names.size());
    for (const auto& [encoding, name] : names) {
        EXPECT_EQ(name_of(encoding), name);
        EXPECT_EQ(key_encoding_named(name), encoding);
    }
    EXPECT_EQ(key_encoding_named("fortnights"), std::nullopt);
}

}  // namespace
}  // namespace ppm
