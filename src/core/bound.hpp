// A point in a partition key's order, and a range of them.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

namespace ppm {

// What a partition's bound is to PostgreSQL: a value of the key's type, MINVALUE or MAXVALUE.
// Bounds of one key compare as PostgreSQL compares them; bounds of keys of different types must not
// be compared.
class Bound {
  public:
    enum class Kind : std::int8_t { min_value, value, max_value };

    static constexpr Bound min_value() { return Bound{Kind::min_value, 0, 0}; }
    static constexpr Bound max_value() { return Bound{Kind::max_value, 0, 0}; }

    // A date (days) or timestamp (microseconds) as PostgreSQL stores it, infinities included.
    static constexpr Bound of_integer(std::int64_t stored) {
        return Bound{Kind::value, 0, static_cast<std::uint64_t>(stored) ^ sign_bit};
    }

    // A uuid, whose order is that of its bytes.
    static constexpr Bound of_bytes(const std::array<std::uint8_t, 16>& bytes) {
        return Bound{Kind::value, big_endian(bytes, 0), big_endian(bytes, 8)};
    }

    constexpr Kind kind() const { return kind_; }

    constexpr std::int64_t integer() const { return static_cast<std::int64_t>(low_ ^ sign_bit); }

    constexpr std::array<std::uint8_t, 16> bytes() const {
        std::array<std::uint8_t, 16> result{};
        for (unsigned i = 0; i < 8; ++i) {
            result[i] = static_cast<std::uint8_t>(high_ >> (56 - 8 * i));
            result[i + 8] = static_cast<std::uint8_t>(low_ >> (56 - 8 * i));
        }
        return result;
    }

    constexpr auto operator<=>(const Bound&) const = default;

  private:
    // Flipping the sign maps the order of signed integers to that of unsigned ones.
    static constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

    constexpr Bound(Kind kind, std::uint64_t high, std::uint64_t low)
        : kind_{kind}, high_{high}, low_{low} {}

    static constexpr std::uint64_t big_endian(const std::array<std::uint8_t, 16>& bytes,
                                              unsigned from) {
        std::uint64_t result = 0;
        for (unsigned i = 0; i < 8; ++i)
            result = result << 8 | bytes[from + i];
        return result;
    }

    Kind kind_;
    std::uint64_t high_;
    std::uint64_t low_;
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
