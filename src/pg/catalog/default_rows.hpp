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

// Uses a CHECK constraint, or else an index that begins with the key, or else reads all rows, until
// the deadline. Evaluates the constraints as the parent's owner, who also owns the default
// partition, like ATTACH PARTITION. Skips foreign tables, like ATTACH PARTITION. Takes ACCESS SHARE
// locks. Throws PostgresError.
InDefault look_into_default(const ManagedParent& managed, Oid default_partition,
                            const BoundRange& range, const Deadline& deadline);

}  // namespace ppm
