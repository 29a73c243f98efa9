// ppm.hooks: the functions that are called in the life of a partition. ppm.pending_hooks: the calls
// that are still to come for steps that are already done.
//
// All of these need an SpiConnection and a pinned search_path, and throw PostgresError.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Adds hook h, if it comes before a removal, to the hash of its table's configuration, by exclusive
// or. So a removal does not go on if a hook is added while others are being called.
#define PPM_HASH_OF_HOOK                                     \
    "CASE WHEN h.event IN ('before_detach', 'before_drop') " \
    "THEN hashtextextended(h.event || ' ' || h.function, 0) ELSE 0 END"

// Reads the hooks of each parent, by the OID of its table, with what is wrong with them. Once for
// each, as they change the hash of its configuration.
void read_hooks(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations);

// Reads the calls that are still to come.
void read_pending_hooks(const std::map<Oid, Parent*>& parents, const std::vector<Oid>& relations);

// Where PostgreSQL finds the function of a hook now, and why it cannot be called.
struct HookFunction {
    std::string name;     // as SQL writes it; empty if there is none
    std::string problem;  // a predicate; empty: it can be called
    Oid function = InvalidOid;
};
HookFunction hook_function(const std::string& function, Oid table_owner);

// These run inside a step.

// Queues the after_create hooks for a partition that was created in this transaction.
void queue_after_create(const ManagedParent& managed, RelationId relation,
                        const BoundRange& bounds);

// The same for after_detach, for a table that ppm.detached says was detached in this transaction.
void queue_after_detach(RelationId relation);

// Locks the entry of a pending hook and returns its partition; nothing if the hook is no longer
// pending. A partition that was created in this call is found by its bounds.
std::optional<RelationId> lock_pending_hook(const ManagedParent& managed, HookEvent event,
                                            const std::string& function,
                                            const Partition& partition);
void forget_pending_hook(RelationId relation, HookEvent event, const std::string& function);

// Whether a hook of that event waits for the relation.
bool has_pending_hook(RelationId relation, HookEvent event);

// Forgets the pending after_detach hooks of a table that is attached again.
void forget_after_detach(RelationId relation);

// Forgets pending hooks whose relation or hook is gone.
void prune_pending_hooks();

// The hooks of the tables of that name, for messages: `after_create app.note(...), ...`, or
// nothing.
std::string hooks_named(const TableName& name);

// Moves the hooks of a table whose configuration gets another name.
void rename_hooks(const TableName& before, const TableName& name);

}  // namespace ppm
