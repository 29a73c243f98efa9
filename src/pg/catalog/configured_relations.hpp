// ppm.configured_relations: which relation each row of ppm.config meant when it was written. A row
// has only a name, and the name can come to mean another table: the row was not written for that
// one. Read and written as the extension's owner. A database whose objects are older than 1.1.0
// does not have this table: then nothing is known, and nothing recorded.
//
// All of these need an SpiConnection and a pinned search_path, and throw PostgresError.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Sets for each parent the relation that its row meant, if that is known.
void read_configured_relations(std::vector<ManagedParent>& parents);

// The relation that the row of this name meant, even if it no longer exists.
std::optional<Oid> configured_relation(const TableName& name);

// The same, if it exists: its owner alone decides about the row then.
std::optional<Oid> existing_configured_relation(const TableName& name);

// Records, for the current user, that from now on the row of this name means this relation.
void record_configured_relation(const TableName& name, Oid relation);

// The same, unless the relation of the row is already known: the row was written without its
// trigger, e.g. by a restore.
void adopt_relation(const Parent& parent);

// Forgets what the row of this name meant, if there is no such row any more.
void forget_configured_relation(const TableName& name);

// Forgets it for all rows that are gone.
void prune_configured_relations();

}  // namespace ppm
