// ppm.kept: the partitions that were detached once to be kept, and were attached again. ppm
// detaches them and never drops them.
//
// All of these run inside a step, but for read_kept(), which needs what a query needs.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// True for an entry d of ppm.detached if ppm detached the table to keep it.
#define PPM_WAS_KEPT "d.cleanup_policy = 'detach' AND d.version IS NOT NULL"

// Whether ppm.kept exists: the objects of 1.0.0 lack it.
bool remembers_what_was_kept();

// As lock_entry(), for what only an attach writes.
void lock_kept(RelationId relation);

// Deletes rows whose table is gone by OID and by name, and adds new names of renamed tables.
void prune_kept();

// Adds the OIDs of the parent's partitions that ppm.kept knows only by name. After that they may be
// renamed.
void adopt_kept(const Parent& parent);

// The partition has rows of one that was kept once: it is never dropped either. Runs in the
// transaction that attaches it.
void keep_for_good(RelationId partition);

// Marks the partitions that were detached once to be kept, and were attached again.
void read_kept(const std::map<Oid, Parent*>& parents);

}  // namespace ppm
