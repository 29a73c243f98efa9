// Tables that refer to others by a foreign key. DETACH PARTITION reads those that refer to the
// partition, as the parent's owner.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Of the relations those that foreign keys may refer to. pg_constraint has no index by which that
// could be asked; but such a relation has a unique index and triggers
// (createForeignKeyActionTriggers() in tablecmds.c), and of one that has none pg_class knows it.
// (Before PostgreSQL 15 a partitioned table has no such triggers; from 18 on a foreign key that is
// not enforced has none.)
std::vector<Oid> possibly_referenced(const std::vector<Oid>& relations);

// Of the relations those that may have foreign keys. (Before PostgreSQL 15 a partitioned table has
// no triggers for them.)
std::vector<Oid> possibly_referring(const std::vector<Oid>& relations);

// Throws 42501 with the mend if a table that refers to the partition would have code of a role
// without the rights of `owner` run as `owner`. Locks what belongs to such a role, and the name of
// its schema, so that it stays as it is; its readers and writers go on.
void require_harmless_references(Oid owner, Oid partition);

}  // namespace ppm
