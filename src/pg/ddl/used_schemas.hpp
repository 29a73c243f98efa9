// The schemas whose names the definitions of a table's objects depend on.
#pragma once

#include <set>
#include <vector>

#include "pg/bridge/postgres.hpp"

namespace ppm {

// The schemas of functions, operators, types, operator classes and collations that the relations
// and their indexes, triggers, constraints, policies, defaults and statistics use. PostgreSQL's own
// objects have no entry in pg_depend, so pg_catalog is not among them. Throws PostgresError.
std::set<Oid> used_schemas(const std::vector<Oid>& relations);

}  // namespace ppm
