// The search_path that other people's code expects.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// That of a plain session of the role in this database: what ALTER ROLE ... IN DATABASE, ALTER
// ROLE, ALTER DATABASE, ALTER ROLE ALL or the server's configuration say, the first that says
// anything. Needs an SpiConnection and a pinned search_path. Throws PostgresError.
std::string search_path_of(Oid role);

}  // namespace ppm
