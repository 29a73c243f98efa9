// What PostgreSQL, or an extension that keeps a table's rows elsewhere, can do with a table. The
// plan goes by it, so plan and check show what will be done.
#pragma once

#include "core/plan/parent.hpp"

namespace ppm {

struct Capabilities {
    // If not, a partition is detached under ACCESS EXCLUSIVE: PostgreSQL refuses DETACH
    // CONCURRENTLY if there is a default partition, Citus always.
    bool detaches_concurrently;
    // Whether a row tells which transaction inserted it. If not, a detached table that is to be
    // dropped is closed to rows.
    bool tells_row_age;
    // Whether the detach of a surplus partition that got rows is rolled back. If not, it is
    // committed and the partition is attached again: in between, waiting writers get in.
    bool rolls_detach_back;
    // Whether a new partition gets its indexes before it is attached. If not, ATTACH PARTITION
    // creates them: with Citus that takes a command less for each index of each shard.
    bool copies_indexes;
};

Capabilities capabilities_of(const Parent& parent);

}  // namespace ppm
