// How large tables are.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Bytes of the table, its indexes and its TOAST table, and of all its partitions, as
// pg_total_relation_size() has them; nothing where somebody holds one of them locked against
// readers, or it is gone. Waits for no lock and keeps none. Throws PostgresError.
std::optional<std::int64_t> total_bytes(Oid relation);

// Bytes that are free, to the server's user, on the disk of the table's tablespace; nothing where
// that cannot be known. Throws PostgresError.
std::optional<std::int64_t> free_bytes(Oid relation);

// Whether reading all rows of the relation and of all below it takes longer than ppm.lock_timeout.
// Needs what a query needs.
bool takes_long_to_read(Oid relation);

}  // namespace ppm
