// ppm.detached: what ppm detached, is about to, or has yet to drop. It is written as the
// extension's owner; nothing is done to a relation on its word alone, the catalog must agree.
//
// All of these run inside a step.
#pragma once

#include "pg/catalog/shown_bounds.hpp"

namespace ppm {

// Before a step locks anything of others': whoever has a row locked that the step will write, or
// that must stay as it is, is not to keep those waiting who wait for that.
void lock_entry(RelationId relation);
void lock_policy(const Parent& parent);

// A partition that is to be removed.
struct Removal {
    RelationId relation;
    RelationId parent;
    TableName table;  // the parent
    TableName partition;
    ShownBounds bounds;
    CleanupPolicy policy;
    std::optional<std::int64_t> row_hash;  // of the configuration that says so, where it may change
};
Removal removal_of(const ManagedParent& managed, const Partition& partition, CleanupPolicy policy);

// Records that the partition is being detached. To drop it the configuration must say so in this
// very moment, and with a hash its row must be that one: throws 55000 if not.
void record_detach(const Removal& removal);

// The same for a partition whose rows others have now: it is never attached again.
void record_repartitioned(const ManagedParent& managed, const Partition& partition);

// Records that ppm has detached it, and what it is like then (`version`, a fingerprint, null until
// then, and `snapshot`), and has its after_detach hooks wait to be called: from here on, and as
// long as nobody changes it, it may be dropped. Without this record somebody else may have detached
// the table, after ppm had been interrupted. In the transaction that detaches it, under its lock on
// the partition.
void confirm_detached(RelationId relation);

// What is done about rows that somebody may have put into a table since it was detached.
enum class NewRows { ignored, looked_for };

// Before the table is dropped, under a lock on it. Throws 55006 if it is not as ppm detached it any
// more: somebody may have changed it, or attached it, filled it and detached it again; or put rows
// into it, which is found by a look at every row. No timeout ends that: nobody uses a detached
// table, a large one must go, too, and who wants an end to it can cancel the call.
void require_unchanged(const Partition& partition, NewRows new_rows);

// What of a detached table keeps it from being attached again, as a predicate: it belongs to
// another than the parent's owner, or was changed; rows that somebody put into it are no reason.
// Empty: nothing.
std::string change_of(const Parent& parent, const Partition& partition);

// Before the table is attached again, under a lock on it. Throws 55006 if it is not to be.
void require_attachable(const Parent& parent, const Partition& partition);

// Before the table is dropped, or attached, under a lock on it: deletes its entry. Each throws
// 55000 if the catalog contradicts the entry, or there is none. What was kept and is attached is
// remembered in ppm.kept.
void remove_entry_to_drop(const Partition& partition);
void remove_entry_to_attach(const Partition& partition);

// The same for what was detached in this transaction and is dropped in it. Returns whether it may
// be: not if the configuration has changed, or a hook is to be called before.
bool remove_entry_just_detached(const Removal& removal);

// Has what waits to be dropped kept for good.
void keep_detached(RelationId parent);

// The same if the configuration of that name says so; or else has it wait as long as that says. For
// the trigger that sees it written.
void follow_policy(const TableName& name);

// Forgets what the catalog contradicts: relations that are gone, or partitions again. For all other
// entries it updates the names.
void prune_detached(const Parent& parent);

// Forgets relations that are gone, and has names follow, also of parents that are gone or not
// configured any more.
void prune_detached();

// Gives each parent, by the OID of its table, its entries that the catalog agrees with. Where the
// configuration says to detach, none is to be dropped any more.
void read_detached(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations);

}  // namespace ppm
