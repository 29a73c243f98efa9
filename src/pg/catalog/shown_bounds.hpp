// A partition's bounds as ppm's views and tables show them.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

struct ShownBounds {
    std::optional<Slot> civil;  // lower_bound and upper_bound; none: the key counts
    std::string lower_value;    // the bound as the key has it, or MINVALUE
    std::string upper_value;    // the same, or MAXVALUE
};

// Throws PostgresError.
ShownBounds shown_bounds(const ManagedParent& managed, const BoundRange& bounds);

}  // namespace ppm
