// Until when something is waited for.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

namespace ppm {

// Uses a clock that nobody can set. Cannot overflow.
class Deadline {
  public:
    using Clock = std::chrono::steady_clock;

    explicit Deadline(std::chrono::milliseconds wait, Clock::time_point now = Clock::now())
        : at_{now + std::min<Clock::duration>(
                        std::clamp(wait, std::chrono::milliseconds::zero(), longest_wait),
                        Clock::time_point::max() - now)} {}

    // The remaining time in whole milliseconds: 0 only if the deadline has passed, and never more
    // than WaitLatch() and the settings accept.
    int left(Clock::time_point now = Clock::now()) const {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(at_ - now).count();
        return static_cast<int>(
            std::clamp<decltype(left)>(left, 0, std::numeric_limits<int>::max()));
    }

    bool has_passed(Clock::time_point now = Clock::now()) const { return left(now) == 0; }

  private:
    // The longest wait that the clock's unit can hold.
    static constexpr std::chrono::milliseconds longest_wait =
        std::chrono::floor<std::chrono::milliseconds>(Clock::duration::max());

    Clock::time_point at_;
};

}  // namespace ppm
