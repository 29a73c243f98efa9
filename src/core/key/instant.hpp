// A point in time, and how much of it identifiers with 48 bits of milliseconds can tell.
#pragma once

#include <chrono>
#include <cstdint>

namespace ppm {

using Instant = std::chrono::sys_time<std::chrono::microseconds>;

// The instants that a UUIDv7 or a ULID can tell: [begin, end).
inline constexpr Instant milliseconds48_begin{};
inline constexpr Instant milliseconds48_end{std::chrono::milliseconds{std::int64_t{1} << 48}};

}  // namespace ppm
