// Whether the clock may be wrong: a wrong clock must not decide what is removed.
#pragma once

#include "core/plan/planner.hpp"

namespace ppm {

// Compares the clock of the call with when it was last known to be right. Refers to its arguments,
// which must outlive it.
class ClockJudge {
  public:
    ClockJudge(const Parent& parent, const KeyCodec& codec, const Windows& windows,
               const Lookups& lookups)
        : parent_{parent}, codec_{codec}, windows_{windows}, lookups_{lookups} {}

    // A clock that is years ahead would make today's rows outdated. If the clock is right, it has
    // advanced by at most a window since it was last known to be right, or rows have come
    // meanwhile. Never true for keys that count: for them the clock makes nothing outdated.
    bool doubts_outdated() const;

    // Whether the clock may be ahead, so that drop_delay has not really passed. For all keys.
    bool doubts_waiting() const;

    // A clock that was set back would make today's partitions surplus, which may still be empty.
    // Never true for keys that count.
    bool doubts_surplus() const;

    // Whether the clock was set back, so that tables would wait too long for drop_delay.
    bool doubts_waits_to_come() const;

    // The anomalies of these doubts. The plan reports only the first doubt that applies.
    Anomaly outdated_in_doubt() const;
    Anomaly waiting_in_doubt() const;
    Anomaly surplus_in_doubt() const;
    Anomaly waits_in_doubt() const;

  private:
    bool is_ahead_by(Instant::duration pause) const;
    bool is_behind_by(Instant::duration step) const;
    Instant::duration window_length() const;
    bool newest_rows_are_of_now() const;
    Anomaly clock_jump(const std::string& how_far, const std::string& consequence) const;

    const Parent& parent_;
    const KeyCodec& codec_;
    const Windows& windows_;
    const Lookups& lookups_;
};

}  // namespace ppm
