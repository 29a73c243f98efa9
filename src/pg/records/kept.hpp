// ppm.kept: the partitions that were detached once to be kept, and were attached again. ppm
// detaches them and never drops them.
//
// All of these run inside a step, but for read_kept(), which needs what a query needs.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// An entry of ppm.detached, d, that ppm detached and was to keep.
#define PPM_WAS_KEPT "d.cleanup_policy = 'detach' AND d.version IS NOT NULL"

// Whether there is such a table: not where ppm's objects are of 1.0.0.
bool remembers_what_was_kept();

// As lock_entry(), for what only an attach writes.
void lock_kept(RelationId relation);

// Forgets what of ppm.kept is gone by OID and by name, and adds names that were given since.
void prune_kept();

// Has ppm.kept know the parent's partitions by their OIDs that it knows by their names: from then
// on they may be renamed.
void adopt_kept(const Parent& parent);

// Marks the partitions that were detached once to be kept, and were attached again.
void read_kept(const std::map<Oid, Parent*>& parents);

}  // namespace ppm
