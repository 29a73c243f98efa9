// ppm.hooks: whose functions are called in the life of a partition; and ppm.pending_hooks: which of
// those calls are still to come for what was done already.
//
// All of these need an SpiConnection and a pinned search_path, and throw PostgresError.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// What a hook h that comes before a removal adds to the hash of its table's configuration, by
// exclusive or: whoever adds one while others are being called wants it called.
#define PPM_HASH_OF_HOOK                                     \
    "CASE WHEN h.event IN ('before_detach', 'before_drop') " \
    "THEN hashtextextended(h.event || ' ' || h.function, 0) ELSE 0 END"

// Reads the hooks of each parent, by the OID of its table, with what is wrong with them. Once for
// each, as they change the hash of its configuration.
void read_hooks(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations);

// Those that are still to be called.
void read_pending_hooks(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations);

// Where PostgreSQL finds the function of a hook now, and why it cannot be called.
struct HookFunction {
    std::string name;     // as SQL writes it; empty if there is none
    std::string problem;  // a predicate; empty: it can be called
    Oid function = InvalidOid;
};
HookFunction hook_function(const std::string& function, Oid table_owner);

// These run inside a step.

// Has the after_create hooks called for a partition that was created in this transaction.
void queue_after_create(const ManagedParent& managed, RelationId relation,
                        const BoundRange& bounds);

// The same for after_detach, of what ppm.detached says that was detached in this transaction.
void queue_after_detach(RelationId relation);

// The partition that the hook waits for, with a lock on its entry; nothing if it does not wait any
// more. One that was created in this call is known by its bounds.
std::optional<RelationId> lock_pending_hook(const ManagedParent& managed, HookEvent event,
                                            const std::string& function,
                                            const Partition& partition);
void forget_pending_hook(RelationId relation, HookEvent event, const std::string& function);

// Whether a hook of that event waits for the relation.
bool has_pending_hook(RelationId relation, HookEvent event);

// Forgets what was detached and is attached again.
void forget_after_detach(RelationId relation);

// Forgets what has no relation or no hook any more.
void prune_pending_hooks();

// Has the hooks follow their table's configuration to another name.
void rename_hooks(const TableName& before, const TableName& name);

}  // namespace ppm
