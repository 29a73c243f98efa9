// ppm.configured_relations: which relation each row of ppm.config meant when it was written. A row
// says a name, and a name can come to mean another table: whoever wrote the row for the one has
// said nothing of the other. Read and written as the extension's owner. In a database whose objects
// are older than 1.1.0 there is no such table: then nothing is known, and nothing recorded.
//
// All of these need an SpiConnection and a pinned search_path, and throw PostgresError.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Gives each parent what its row meant, where that is known.
void read_configured_relations(std::vector<ManagedParent>& parents);

// What the row of this name meant, whether that is still there or not.
std::optional<Oid> configured_relation(const TableName& name);

// Records that from now on the row of this name means this relation, by the current user's word.
void record_configured_relation(const TableName& name, Oid relation);

// The same, unless it is known already what the row means: whatever had it written has gone past
// its trigger, as a restore does.
void adopt_relation(const Parent& parent);

// Forgets what the row of this name meant, if there is no such row any more.
void forget_configured_relation(const TableName& name);

// Forgets it for all rows that are gone.
void prune_configured_relations();

}  // namespace ppm
