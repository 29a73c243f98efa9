// Tables that refer to others by a foreign key. DETACH PARTITION reads those that refer to the
// partition, as the parent's owner.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Those of the relations that foreign keys may refer to. pg_constraint has no index for this
// question. But a referenced relation has a unique index and triggers
// (createForeignKeyActionTriggers() in tablecmds.c), and pg_class shows whether it has any. (Before
// PostgreSQL 15 a partitioned table has no such triggers; from 18 on a foreign key that is not
// enforced has none.)
std::vector<Oid> possibly_referenced(const std::vector<Oid>& relations);

// Whether a foreign key refers to one of the relations.
bool is_any_referred_to(const std::vector<Oid>& relations);

// Those of the relations that may have foreign keys. (Before PostgreSQL 15 a partitioned table has
// no triggers for them.)
std::vector<Oid> possibly_referring(const std::vector<Oid>& relations);

// Throws 42501 with the fix if a table that refers to the partition would run code of a role
// without the rights of `owner` as `owner`. Locks the tables of these roles, and the names of their
// schemas, so that they do not change. Readers and writers of the tables go on.
void require_harmless_references(Oid owner, Oid partition);

}  // namespace ppm
