// How GoogleTest shows the core's types when an expectation fails. Every test of them includes
// this: from one that did not, the linker might take its way to show them, for all tests.
#pragma once

#include <cstdio>
#include <ostream>

#include "civil.hpp"
#include "core/grid/calendar.hpp"
#include "core/grid/interval.hpp"
#include "core/key/bound.hpp"
#include "core/key/key.hpp"

namespace ppm {

inline void PrintTo(Interval interval, std::ostream* out) {
    *out << name_of(interval);
    if (interval.origin != default_origin(interval.unit))
        *out << " from " << minute_text(interval.origin);
}

inline void PrintTo(KeyType type, std::ostream* out) {
    *out << name_of(type);
}

inline void PrintTo(Position position, std::ostream* out) {
    *out << to_text(position) << " (" << position.number() << ")";
}

inline void PrintTo(const Slot& slot, std::ostream* out) {
    *out << to_text(slot.lower) << " to " << to_text(slot.upper);
}

inline void PrintTo(const Bound& bound, std::ostream* out) {
    if (bound.kind() == Bound::Kind::min_value) {
        *out << "MINVALUE";
        return;
    }
    if (bound.kind() == Bound::Kind::max_value) {
        *out << "MAXVALUE";
        return;
    }
    *out << bound.integer() << " (";
    for (const unsigned byte : bound.bytes()) {
        char hex[3];
        std::snprintf(hex, sizeof hex, "%02x", byte);
        *out << hex;
    }
    *out << ")";
}

inline void PrintTo(const BoundRange& range, std::ostream* out) {
    PrintTo(range.lower, out);
    *out << " to ";
    PrintTo(range.upper, out);
}

}  // namespace ppm
