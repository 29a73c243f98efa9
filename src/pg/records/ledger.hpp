// ppm.detached: tables that ppm has detached, is about to detach, or has yet to drop. Written as
// the extension's owner. ppm acts on an entry only if the catalog agrees.
//
// All of these run inside a step.
#pragma once

#include "pg/catalog/shown_bounds.hpp"

namespace ppm {

// Each locks a row that the step will write, or that must not change. A step does this before it
// locks other tables: while it waits here, others must not wait for its locks.
void lock_entry(RelationId relation);
void lock_configuration(const TableName& table);

// The same without waiting. Returns false if somebody is changing the configuration, or it is gone.
bool lock_configuration_at_once(const TableName& table);

// Makes a removal that is under way end first, or wait until this transaction ends: it is about to
// change what the removal depends on, outside of ppm.config.
void lock_configuration_against_removals(const TableName& table);

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

// Records that the partition is being detached. If that is interrupted, rows of older transactions
// do not count as new, unless they are still open when the detach is finished: they may write to it
// by the parent's name, as before any detach. Throws 55000 if it is to be dropped and the
// configuration no longer says so, or if the configuration's row no longer has the given hash.
void record_detach(const Removal& removal);

// The same for a partition whose rows other partitions have now: it is never attached again.
void record_repartitioned(const ManagedParent& managed, const Partition& partition);

// From when on rows of a detached table count as new: now, or, if its detach was interrupted, since
// that began.
enum class NewFrom { now, begin_of_detach };

// Records that ppm has detached the table, with its state: `version`, a fingerprint that is null
// until then, and `snapshot`. Queues its after_detach hooks. From here on it may be dropped, as
// long as nobody changes it. If this record is missing, somebody else may have finished the detach.
// Runs in the transaction that detaches the table, under its lock on the partition.
void confirm_detached(RelationId relation, NewFrom new_from = NewFrom::now);

// Whether to look for rows that somebody has inserted since the table was detached.
enum class NewRows { ignored, looked_for };

// Runs before the table is dropped, under a lock on it. Throws 55006 if the table has changed since
// ppm detached it: somebody may have altered it, or attached, filled and detached it again. With
// NewRows::looked_for, reads every row to find new ones. No timeout limits this: nobody uses a
// detached table, and a large one must be dropped, too. A cancel ends it.
void require_unchanged(const Partition& partition, NewRows new_rows);

// Why a detached table, or one whose detach is pending, cannot be attached again, as a predicate:
// it has another owner than its parent, or was changed since it was detached. New rows in it are no
// reason. Empty if it can be attached.
std::string change_of(const Parent& parent, const Partition& partition);

// Runs before the table is attached again, under a lock on it. Throws 55006 if it cannot be.
void require_attachable(const Parent& parent, const Partition& partition);

// Each deletes the table's entry before the table is dropped or attached, under a lock on it.
// Throws 55000 if there is no entry, or the catalog contradicts it. If a kept table is attached,
// ppm.kept remembers it.
void remove_entry_to_drop(const Partition& partition);
void remove_entry_to_attach(const Partition& partition);

// The same for a table that is detached and dropped in this transaction. Returns false if it must
// not be dropped now: the configuration has changed, or a hook must be called first.
bool remove_entry_just_detached(const Removal& removal);

// Keeps for good the parent's detached tables that were to be dropped.
void keep_detached(RelationId parent);

// The same if the table's configuration says to detach. Otherwise sets when its detached tables may
// be dropped, as the configuration says. Called by the trigger on the configuration.
void follow_policy(const TableName& name);

// Deletes entries that the catalog contradicts: the relation is gone, or is a partition again.
// Updates the names in all other entries.
void prune_detached(const Parent& parent);

// Deletes entries of relations that are gone. Updates the names in the others, also for parents
// that are gone or no longer configured.
void prune_detached();

// Gives each parent, by the OID of its table, the entries that the catalog agrees with. If the
// configuration says to detach, none of them is to be dropped.
void read_detached(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations);

}  // namespace ppm
