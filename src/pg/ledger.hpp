// ppm.detached: what ppm detached, is about to, or has yet to drop. It is written as the
// extension's owner; nothing is done to a relation on its word alone, the catalog must agree.
//
// All of these run inside a step.
#pragma once

#include "pg/catalog.hpp"

namespace ppm {

// Records that the partition is being detached.
void record_detach(const ManagedParent& managed, const Partition& partition, CleanupPolicy policy);

// Records that ppm has detached it: from here on, and as long as nobody changes it, it may be
// dropped. Without, the table could be one that somebody else detached, after ppm had been
// interrupted before it did.
// In the transaction that detaches it.
void confirm_detached(RelationId relation);

// Before the table is dropped, under a lock on it. Throws 55006 if it is not as ppm detached it any
// more: somebody may have attached it, filled it and detached it again.
void require_unchanged(const Partition& partition);

// Before the table is dropped, or attached, under a lock on it. Throws 55000 if the catalog
// contradicts the entry, or there is none.
void forget_detached(const Partition& partition);

// Forgets what the catalog contradicts: relations that are gone, renamed, or partitions again.
void prune_detached(const Parent& parent);

// Forgets relations that are gone, also those of parents that are gone or not configured any more.
void prune_detached();

// Gives each parent, by the OID of its table, its entries that the catalog agrees with.
void read_detached(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations);

}  // namespace ppm
