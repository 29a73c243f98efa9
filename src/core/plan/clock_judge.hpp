// Whether the clock may be wrong: one that is wrong must not decide what is removed.
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

    // A clock that is years ahead makes today's rows outdated. One that is right has not moved on
    // by more than a window since it was last looked at; or else rows have come meanwhile. Not of
    // keys that count: for them the clock makes nothing outdated.
    bool doubts_outdated() const;

    // Nor has what waits for drop_delay waited for long enough by such a clock, whatever the key.
    bool doubts_waiting() const;

    // One that was set back makes the partitions of today, which may be empty still, surplus. Not
    // of keys that count.
    bool doubts_surplus() const;

    // By such a clock what waits for drop_delay will wait for too long.
    bool doubts_waits_to_come() const;

    // What is said of it: the first of the doubts about what would be removed.
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
