// Time zones written by hand: the changes of the clock that make a midnight difficult, at the
// instants that PostgreSQL 15 gives them.
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "core/key/key.hpp"

namespace ppm {

class TestZone : public TimeZone {
  public:
    struct Change {
        Instant at;
        std::chrono::seconds offset;  // of civil time ahead of UTC, from then on
    };

    explicit TestZone(std::chrono::seconds offset, std::vector<Change> changes = {})
        : first_offset_{offset}, changes_{std::move(changes)} {}

    Instant instant(LocalTime time) const override {
        // The last change wins: of a civil time that comes twice this is the second, as in
        // PostgreSQL.
        for (std::size_t i = changes_.size(); i > 0; --i) {
            const Change& change = changes_[i - 1];
            if (time.time_since_epoch() >= change.at.time_since_epoch() + change.offset)
                return before_change(i, time, change.offset);
        }
        return before_change(0, time, first_offset_);
    }

    LocalTime civil(Instant instant) const override {
        std::chrono::seconds offset = first_offset_;
        for (const Change& change : changes_)
            if (change.at <= instant)
                offset = change.offset;
        return LocalTime{instant.time_since_epoch() + offset};
    }

  private:
    // A skipped time is the change that skips it.
    Instant before_change(std::size_t i, LocalTime time, std::chrono::seconds offset) const {
        const Instant instant{time.time_since_epoch() - offset};
        return i < changes_.size() ? std::min(instant, changes_[i].at) : instant;
    }

    std::chrono::seconds first_offset_;
    std::vector<Change> changes_;
};

namespace zones {

using namespace std::chrono_literals;

constexpr Instant utc_instant(std::chrono::year_month_day day, std::chrono::seconds time_of_day) {
    return std::chrono::sys_days{day} + time_of_day;
}

inline const TestZone utc{0h};
inline const TestZone kolkata{5h + 30min};

// Midnight of 4 November 2018 does not exist: the clock goes from 00:00 to 01:00.
inline const TestZone sao_paulo{
    -3h, {{utc_instant(2018y / 11 / 4, 3h), -2h}, {utc_instant(2019y / 2 / 17, 2h), -3h}}};

// Midnight of 4 November 2018 comes twice: the clock goes from 01:00 back to 00:00.
inline const TestZone havana{
    -5h, {{utc_instant(2018y / 3 / 11, 5h), -4h}, {utc_instant(2018y / 11 / 4, 5h), -5h}}};

// The whole of 30 December 2011 does not exist: Samoa moved over the date line.
inline const TestZone apia{-10h, {{utc_instant(2011y / 12 / 30, 10h), 14h}}};

// From 02:00 to 03:00 on 8 March 2026, and from 02:00 back to 01:00 on 1 November.
inline const TestZone new_york{
    -5h, {{utc_instant(2026y / 3 / 8, 7h), -4h}, {utc_instant(2026y / 11 / 1, 6h), -5h}}};

// By half an hour: from 02:00 back to 01:30 on 5 April 2026, and from 02:00 to 02:30 on 4 October.
inline const TestZone lord_howe{11h,
                                {{utc_instant(2026y / 4 / 4, 15h), 10h + 30min},
                                 {utc_instant(2026y / 10 / 3, 15h + 30min), 11h}}};

}  // namespace zones

}  // namespace ppm
