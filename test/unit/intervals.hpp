// Intervals of every kind that there is, and windows by civil time.
#pragma once

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>

#include "civil.hpp"
#include "core/grid/interval.hpp"
#include "core/grid/window.hpp"

namespace ppm {

inline Interval from(const std::string& origin, Interval interval) {
    interval.origin = civil(origin);
    return interval;
}

inline Interval minutes(int count) {
    return every(count, Interval::Unit::minutes);
}

inline Interval days(int count) {
    return every(count, Interval::Unit::days);
}

inline Interval months(int count) {
    return every(count, Interval::Unit::months);
}

inline const Interval all_intervals[] = {
    Interval::hourly,
    Interval::daily,
    Interval::weekly,
    Interval::monthly,
    Interval::quarterly,
    Interval::yearly,
    minutes(15),
    minutes(50),  // no part of an hour or a day
    from("2000-01-01 00:30", Interval::hourly),
    minutes(6 * 60),
    from("2000-01-01 06:00", Interval::daily),
    days(10),
    from("2024-01-07", Interval::weekly),  // from Sunday
    months(2),
    from("2024-02-15 06:00", Interval::quarterly),
    from("2024-04-01", Interval::yearly),
    months(10 * 12),
};

// Letters, digits and underscores, for the name of a test.
inline std::string label_of(const Interval& interval) {
    std::string label = name_of(interval);
    if (interval.origin != default_origin(interval.unit))
        label += " from " + minute_text(interval.origin);
    std::replace_if(
        label.begin(), label.end(), [](unsigned char each) { return std::isalnum(each) == 0; },
        '_');
    return label;
}

// The window whose current slot is the one that this civil time lies in.
inline Window window_on(LocalTime now, const Interval& interval, int pre_provisioned,
                        std::optional<int> retention) {
    return window_from(slot_at(interval, now).lower, interval, pre_provisioned, retention);
}

}  // namespace ppm
