// Who may do what.
#pragma once

#include "pg/postgres.hpp"

namespace ppm {

// Throws what PostgreSQL raises where the current user does not have the rights of the relation's
// owner (42501).
void require_owner(Oid relation, const std::string& name);

// The owner of ppm's own tables, which is the extension's: ppm writes them as this role, whoever
// calls. May throw PostgresError.
Oid owner_of_ppm();

}  // namespace ppm
