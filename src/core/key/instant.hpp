// A point in time, PostgreSQL's epoch, and which instants 48 bits of milliseconds can tell.
#pragma once

#include <chrono>
#include <cstdint>

namespace ppm {

using Instant = std::chrono::sys_time<std::chrono::microseconds>;

// 2000-01-01: what PostgreSQL counts days and microseconds from (POSTGRES_EPOCH_JDATE in
// timestamp.h).
inline constexpr std::chrono::days postgres_epoch =
    std::chrono::sys_days{std::chrono::year{2000} / 1 / 1}.time_since_epoch();

// The instants that a UUIDv7 or a ULID can tell: [begin, end).
inline constexpr Instant milliseconds48_begin{};
inline constexpr Instant milliseconds48_end{std::chrono::milliseconds{std::int64_t{1} << 48}};

}  // namespace ppm
