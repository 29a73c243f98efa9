#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>

namespace ppm {

// Civil time to PostgreSQL's own resolution, so that any partition's bound can be shown exactly.
using LocalTime = std::chrono::local_time<std::chrono::microseconds>;

// A point in the order of a partition key, as its grid counts: civil time where the key tells time,
// the number itself where it counts. Only the grid and the codec of a key know which it is.
class Position {
  public:
    constexpr Position() = default;
    explicit constexpr Position(std::int64_t number) : value_{number} {}

    template <typename Duration>
    constexpr Position(std::chrono::local_time<Duration> time)
        : value_{LocalTime{time}.time_since_epoch().count()} {}

    constexpr std::int64_t number() const { return value_; }
    constexpr LocalTime time() const { return LocalTime{std::chrono::microseconds{value_}}; }

    constexpr auto operator<=>(const Position&) const = default;

  private:
    std::int64_t value_ = 0;  // of civil time: microseconds since 1970
};

// Before and after everything: what MINVALUE, MAXVALUE and the infinities of a type stand for.
inline constexpr Position minus_infinity{std::numeric_limits<std::int64_t>::min()};
inline constexpr Position plus_infinity{std::numeric_limits<std::int64_t>::max()};

// One cell of a grid: [lower, upper).
struct Slot {
    Position lower;
    Position upper;

    bool operator==(const Slot&) const = default;
};

}  // namespace ppm
