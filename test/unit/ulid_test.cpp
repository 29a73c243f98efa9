// ULIDs as text and as uuid, and texts that are none.
#include "core/key/ulid.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "core/key/key.hpp"
#include "printers.hpp"
#include "test_zones.hpp"

namespace ppm {
namespace {

using namespace std::chrono_literals;

const std::string alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// The 128 bits of a ULID's text, by hand.
Uuid bits_of(const std::string& text) {
    Uuid bits{};
    for (const char character : text) {
        auto carry = static_cast<unsigned>(alphabet.find(character));
        for (auto byte = bits.rbegin(); byte != bits.rend(); ++byte) {
            const unsigned shifted = (unsigned{*byte} << 5U) | carry;
            *byte = static_cast<std::uint8_t>(shifted);
            carry = shifted >> 8U;
        }
    }
    return bits;
}

Instant at_millisecond(std::int64_t milliseconds) {
    return Instant{std::chrono::milliseconds{milliseconds}};
}

std::vector<Instant> instants() {
    std::mt19937_64 random{3};
    std::vector<Instant> all{at_millisecond(0), at_millisecond(1),
                             at_millisecond((std::int64_t{1} << 48) - 1)};
    for (int i = 0; i < 2000; ++i)
        all.push_back(
            at_millisecond(static_cast<std::int64_t>(random() >> (16U + random() % 30U))));
    std::sort(all.begin(), all.end());
    return all;
}

TEST(Ulid, OfTheSpecificationTellsItsTime) {
    EXPECT_EQ(ulid_instant("01ARZ3NDEKTSV4RRFFQ69G5FAV"), at_millisecond(1469922850259));
    EXPECT_EQ(ulid_lower_bound(at_millisecond(1469922850259)), "01ARZ3NDEK0000000000000000");
    EXPECT_EQ(ulid_instant("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
              at_millisecond((std::int64_t{1} << 48) - 1));
}

TEST(Ulid, TellsTheMillisecondThatItIsMadeOf) {
    std::string before;
    for (const Instant instant : instants()) {
        const std::string text = ulid_lower_bound(instant);
        EXPECT_TRUE(is_ulid(text)) << text;
        EXPECT_EQ(ulid_instant(text), instant) << text;
        EXPECT_EQ(ulid_lower_bound(instant + 999us), text);
        EXPECT_LE(before, text);
        before = text;
    }
}

TEST(Ulid, IsTheSameBitsAsAUuid) {
    for (const Instant instant : instants())
        EXPECT_EQ(ulid_uuid_lower_bound(instant), bits_of(ulid_lower_bound(instant)));
}

TEST(Ulid, IsClampedToItsTime) {
    EXPECT_EQ(ulid_lower_bound(at_millisecond(-1)), "00000000000000000000000000");
    EXPECT_EQ(ulid_lower_bound(at_millisecond(std::int64_t{1} << 48)),
              "7ZZZZZZZZZ0000000000000000");
}

TEST(Text, IsAUlidOnlyInCrockfordsAlphabetAndOfTwentySixCharacters) {
    EXPECT_TRUE(is_ulid("01KAYS0000ABCDEFGHJKMNPQRS"));
    for (const char* const text :
         {"", "01KAYS0000", "01KAYS0000ABCDEFGHJKMNPQR", "01KAYS0000ABCDEFGHJKMNPQRST",
          "01kays0000abcdefghjkmnpqrs", "01KAYS0000ABCDEFGHIKMNPQRS", "01KAYS0000ABCDEFGHLKMNPQRS",
          "01KAYS0000ABCDEFGHOKMNPQRS", "01KAYS0000ABCDEFGHUKMNPQRS", "81KAYS0000ABCDEFGHJKMNPQRS",
          "01KAYS0000ABCDEFGHJKMNPQR ", " 1KAYS0000ABCDEFGHJKMNPQRS",
          "01KAYS0000ABCDEFGHJKMNPQ\xc3\xa4", "{1KAYS0000ABCDEFGHJKMNPQRS"}) {
        EXPECT_FALSE(is_ulid(text)) << text;
        EXPECT_EQ(ulid_instant(text), std::nullopt) << text;
    }
}

TEST(Text, BeginsAUlidUpToItsLength) {
    const std::string ulid = "7ZKAYS0000ABCDEFGHJKMNPQRS";
    for (std::size_t length = 0; length <= ulid.size(); ++length) {
        EXPECT_TRUE(begins_ulid(ulid.substr(0, length)));
        EXPECT_EQ(padded_ulid(ulid.substr(0, length)),
                  ulid.substr(0, length) + std::string(ulid.size() - length, '0'));
    }
    EXPECT_FALSE(begins_ulid(ulid + "0"));
    EXPECT_FALSE(begins_ulid("8"));
    EXPECT_FALSE(begins_ulid("01k"));
}

// No ULID lies between a beginning and the ULID that zeros make of it.
TEST(Beginning, OfAUlidIsTheSameBoundAsTheUlid) {
    const KeyCodec codec{{KeyType::text, KeyEncoding::ulid}, zones::utc};
    const auto bound = [](const std::string& text) { return Bound::of_text(text); };
    const std::string whole = "01KAYS00000000000000000000";
    for (std::size_t length = 6; length <= whole.size(); ++length)
        EXPECT_EQ(codec.canonical(bound(whole.substr(0, length))), bound(whole)) << length;
    EXPECT_LT(codec.canonical(bound("01KAYR")), bound(whole));
    EXPECT_LT(bound(whole), codec.canonical(bound("01KAYS1")));
    EXPECT_EQ(codec.canonical(bound("01kays")), bound("01kays"));
    EXPECT_EQ(codec.canonical(bound(whole + "0")), bound(whole + "0"));
    EXPECT_TRUE(codec.is_time_bound(bound("01KAYS")));
    EXPECT_FALSE(codec.is_time_bound(bound("01kays")));
    EXPECT_FALSE(codec.has_time(bound("01KAYS")));
    EXPECT_TRUE(codec.has_time(bound(whole)));
}

// Sorted as COLLATE "C" sorts them: by bytes, which have no sign.
TEST(AnyText, LiesAmongUlidsInTheOrderOfItsBytes) {
    std::mt19937 random{11};
    const std::string likely = alphabet + "aIlOu /:@[`{~\x7f\x80\xc3\xa4\xff\x01";
    std::vector<std::string> texts{"",  "0",       "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "8", "Z",
                                   "z", "\xc3\xa4"};
    for (int i = 0; i < 5000; ++i) {
        std::string text = i % 2 == 0 ? "01KAYS0000ABCDEFGHJKMNPQRS" : "";
        text.resize(random() % 27, '0');
        for (char& character : text)
            if (i % 2 == 1 || random() % 8 == 0)
                character = likely[random() % likely.size()];
        texts.push_back(std::move(text));
    }
    const auto byte_order = [](const std::string& a, const std::string& b) {
        return std::lexicographical_compare(
            a.begin(), a.end(), b.begin(), b.end(),
            [](unsigned char one, unsigned char other) { return one < other; });
    };
    std::sort(texts.begin(), texts.end(), byte_order);
    const KeyCodec codec{{KeyType::text, KeyEncoding::ulid}, zones::utc};
    for (std::size_t i = 1; i < texts.size(); ++i) {
        ASSERT_LE(instant_among_ulids(texts[i - 1]), instant_among_ulids(texts[i]))
            << texts[i - 1] << " and " << texts[i];
        ASSERT_LE(Bound::of_text(texts[i - 1]), Bound::of_text(texts[i]));
        ASSERT_LE(codec.decode(Bound::of_text(texts[i - 1])),
                  codec.decode(Bound::of_text(texts[i])));
        if (begins_ulid(texts[i - 1]) && begins_ulid(texts[i])) {
            ASSERT_LE(codec.canonical(Bound::of_text(texts[i - 1])),
                      codec.canonical(Bound::of_text(texts[i])));
        }
    }
}

TEST(AnyText, PastAllUlidsHasNoEnd) {
    const KeyCodec codec{{KeyType::text, KeyEncoding::ulid}, zones::utc};
    for (const char* const text : {"8", "Z", "a", "~", "\xc3\xa4"}) {
        EXPECT_TRUE(codec.is_open_ended({Bound::min_value(), Bound::of_text(text)})) << text;
        EXPECT_TRUE(codec.is_time_bound(Bound::of_text(text))) << text;
    }
    EXPECT_FALSE(codec.is_open_ended({Bound::min_value(), Bound::of_text("01KAYS")}));
}

}  // namespace
}  // namespace ppm
