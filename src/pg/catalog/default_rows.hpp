// What the default partition holds of the range of a new partition.
#pragma once

#include "core/deadline.hpp"
#include "pg/catalog/catalog.hpp"

namespace ppm {

enum class InDefault {
    none,       // looked at
    ruled_out,  // by its constraints: PostgreSQL itself need not look
    some,
    unknown,  // to find out takes too long
};

// By a CHECK constraint, or else by an index that begins with the key, or else by reading it all,
// until the deadline. Evaluates its constraints, as ATTACH PARTITION does, as the parent's owner,
// who owns it. Foreign tables are passed over, as ATTACH PARTITION passes over them. Takes ACCESS
// SHARE locks. Throws PostgresError.
InDefault look_into_default(const ManagedParent& managed, Oid default_partition,
                            const BoundRange& range, const Deadline& deadline);

}  // namespace ppm
