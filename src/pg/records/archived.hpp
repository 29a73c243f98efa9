// What ppm.detached says of tables that are moved into an archive, and back.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Each of these throws PostgresError.

// The schema that the detached table came from, if it was moved.
std::optional<std::string> home_of(RelationId relation);

// These run inside a step, under a lock on the table, around its move.

// Whether the table is as ppm left it.
bool is_as_detached(RelationId relation);

// Records the table's schema and, if it is in the archive, the schema that it came from. With
// `was_as_detached`, takes its fingerprint again, so that it still counts as unchanged.
void record_move(RelationId relation, const std::string& schema_name,
                 const std::optional<std::string>& home, bool was_as_detached);

}  // namespace ppm
