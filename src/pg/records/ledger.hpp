// ppm.detached: what ppm detached, is about to, or has yet to drop. It is written as the
// extension's owner; nothing is done to a relation on its word alone, the catalog must agree.
//
// All of these run inside a step.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Before a step locks anything of others': whoever has a row locked that the step will write, or
// that must stay as it is, is not to keep those waiting who wait for that.
void lock_entry(RelationId relation);
void lock_policy(const Parent& parent);

// Records that the partition is being detached. To drop it the configuration must say so in this
// very moment: throws 55000 if it does not.
void record_detach(const ManagedParent& managed, const Partition& partition, CleanupPolicy policy);

// The same for a partition whose rows others have now: it is never attached again.
void record_repartitioned(const ManagedParent& managed, const Partition& partition);

// Records that ppm has detached it: from here on, and as long as nobody changes it, it may be
// dropped. Without, the table could be one that somebody else detached, after ppm had been
// interrupted before it did.
// In the transaction that detaches it, under its lock on the partition.
void confirm_detached(RelationId relation);

// Whether somebody can have put rows into a table since it was detached.
enum class RowsSince { not_possible, possible };

// Before the table is dropped, under a lock on it. Throws 55006 if it is not as ppm detached it any
// more: somebody may have changed it, or attached it, filled it and detached it again; or put rows
// into it, which is found by a look at every row. No timeout ends that: nobody uses a detached
// table, a large one must go, too, and who wants an end to it can cancel the call.
void require_unchanged(const Partition& partition, RowsSince rows_since);

// What of a detached table keeps it from being attached again, as a predicate: it belongs to
// another than the parent's owner, or was changed; rows that somebody put into it are no reason.
// Empty: nothing.
std::string change_of(const Parent& parent, const Partition& partition);

// Before the table is attached again, under a lock on it. Throws 55006 if it is not to be.
void require_attachable(const Parent& parent, const Partition& partition);

// Before the table is dropped, or attached, under a lock on it. Each throws 55000 if the catalog
// contradicts the entry, or there is none. What was kept and is attached is remembered in ppm.kept.
void forget_dropped(const Partition& partition);
void forget_attached(const Partition& partition);

// Has what waits to be dropped kept for good.
void keep_detached(RelationId parent);

// The same if the configuration of that name says so; or else has it wait as long as that says. For
// the trigger that sees it written.
void follow_policy(const TableName& name);

// Forgets what the catalog contradicts: relations that are gone, or partitions again. Of others it
// has the names follow.
void prune_detached(const Parent& parent);

// Forgets relations that are gone, and has names follow, also of parents that are gone or not
// configured any more.
void prune_detached();

// Forgets what of ppm.kept is gone by OID and by name, and adds names that were given since.
void prune_kept();

// Has ppm.kept know the parent's partitions by their OIDs that it knows by their names: from then
// on they may be renamed.
void adopt_kept(const Parent& parent);

// Marks the partitions that were detached once to be kept, and were attached again.
void read_kept(const std::map<Oid, Parent*>& parents);

// Gives each parent, by the OID of its table, its entries that the catalog agrees with. Where the
// configuration says to detach, none is to be dropped any more.
void read_detached(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations);

}  // namespace ppm
