// A point in a partition key's order, and a range of them.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ppm {

// A partition's bound as PostgreSQL has it: a value of the key's type, MINVALUE or MAXVALUE. Bounds
// of one key compare as PostgreSQL compares them. Bounds of keys of different types must not be
// compared.
class Bound {
  public:
    enum class Kind : std::int8_t { min_value, value, max_value };

    // A longer text is cut: no key that ppm manages is as long.
    static constexpr std::size_t max_text_bytes = 32;

    static constexpr Bound min_value() { return Bound{Kind::min_value, {}}; }
    static constexpr Bound max_value() { return Bound{Kind::max_value, {}}; }

    // A number, a date (days) or a timestamp (microseconds) as PostgreSQL stores it, infinities
    // included.
    static constexpr Bound of_integer(std::int64_t stored) {
        return Bound{Kind::value, {static_cast<std::uint64_t>(stored) ^ sign_bit}};
    }

    // A uuid, whose order is that of its bytes.
    static constexpr Bound of_bytes(const std::array<std::uint8_t, 16>& bytes) {
        return of_any_bytes(bytes);
    }

    // A text in the order of its bytes, COLLATE "C".
    static constexpr Bound of_text(std::string_view text) {
        return of_any_bytes(text.substr(0, max_text_bytes));
    }

    constexpr Kind kind() const { return kind_; }

    constexpr std::int64_t integer() const {
        return static_cast<std::int64_t>(words_[0] ^ sign_bit);
    }

    constexpr std::array<std::uint8_t, 16> bytes() const {
        std::array<std::uint8_t, 16> result{};
        for (std::size_t i = 0; i < result.size(); ++i)
            result[i] = byte(i);
        return result;
    }

    std::string text() const {
        std::string result;
        for (std::size_t i = 0; i < max_text_bytes && byte(i) != 0; ++i)
            result += static_cast<char>(byte(i));
        return result;
    }

    constexpr auto operator<=>(const Bound&) const = default;

  private:
    // Flipping the sign maps the order of signed integers to that of unsigned ones.
    static constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;
    static constexpr std::size_t word_bytes = sizeof(std::uint64_t);
    using Words = std::array<std::uint64_t, max_text_bytes / word_bytes>;

    constexpr Bound(Kind kind, const Words& words) : kind_{kind}, words_{words} {}

    static constexpr Bound of_any_bytes(const auto& bytes) {
        Words words{};
        for (std::size_t i = 0; i < bytes.size(); ++i)
            words[i / word_bytes] |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])}
                                     << (8 * (word_bytes - 1 - i % word_bytes));
        return Bound{Kind::value, words};
    }

    constexpr std::uint8_t byte(std::size_t i) const {
        return static_cast<std::uint8_t>(words_[i / word_bytes] >>
                                         (8 * (word_bytes - 1 - i % word_bytes)));
    }

    Kind kind_;
    Words words_;
};

// [lower, upper)
struct BoundRange {
    Bound lower;
    Bound upper;

    constexpr bool empty() const { return lower >= upper; }
    constexpr bool overlaps(const BoundRange& other) const {
        return lower < other.upper && other.lower < upper;
    }
    bool operator==(const BoundRange&) const = default;
};

}  // namespace ppm
