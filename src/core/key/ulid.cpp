#include "core/key/ulid.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace ppm {

namespace chrono = std::chrono;

namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t time_characters = 10;
constexpr int bits_per_character = 5;
// The first character has three bits only.
constexpr char last_first_character = '7';

chrono::milliseconds clamped_milliseconds(Instant instant) {
    return chrono::floor<chrono::milliseconds>(
        std::clamp(instant, milliseconds48_begin, milliseconds48_end - chrono::milliseconds{1})
            .time_since_epoch());
}

// How many characters of the alphabet sort before this one as bytes: a char may be signed.
std::int64_t rank_of(char character) {
    constexpr auto byte = [](char each) { return static_cast<unsigned char>(each); };
    return std::ranges::lower_bound(alphabet, byte(character), {}, byte) - alphabet.begin();
}

bool is_in_alphabet(char character) {
    return alphabet.find(character) != std::string_view::npos;
}

}  // namespace

std::string ulid_lower_bound(Instant instant) {
    auto milliseconds = static_cast<std::uint64_t>(clamped_milliseconds(instant).count());
    std::string text(ulid_characters, alphabet.front());
    for (std::size_t i = time_characters; i > 0; --i, milliseconds >>= bits_per_character)
        text[i - 1] = alphabet[milliseconds % alphabet.size()];
    return text;
}

Uuid ulid_uuid_lower_bound(Instant instant) {
    Uuid uuid = uuidv7_lower_bound(instant);
    uuid[6] = 0;
    uuid[8] = 0;
    return uuid;
}

std::optional<Instant> ulid_instant(std::string_view text) {
    return is_ulid(text) ? std::optional{instant_among_ulids(text)} : std::nullopt;
}

bool is_ulid(std::string_view text) {
    return text.size() == ulid_characters && begins_ulid(text);
}

bool begins_ulid(std::string_view text) {
    return text.size() <= ulid_characters && std::ranges::all_of(text, is_in_alphabet) &&
           (text.empty() || text.front() <= last_first_character);
}

std::string padded_ulid(std::string_view beginning) {
    std::string text{beginning};
    text.resize(ulid_characters, alphabet.front());
    return text;
}

Instant instant_among_ulids(std::string_view text) {
    std::int64_t milliseconds = 0;
    bool among = true;  // all characters so far were of the alphabet
    for (std::size_t i = 0; i < time_characters; ++i) {
        milliseconds <<= bits_per_character;
        if (!among || i >= text.size())
            continue;
        milliseconds += rank_of(text[i]);
        among = is_in_alphabet(text[i]);
    }
    return Instant{chrono::milliseconds{milliseconds}};
}

}  // namespace ppm
