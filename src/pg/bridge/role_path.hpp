// The search_path that other people's code expects.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// The search_path of a plain session of the role in this database, as set by ALTER ROLE ... IN
// DATABASE, ALTER ROLE, ALTER DATABASE, ALTER ROLE ALL or the server's configuration; the first
// that sets it. Needs an SpiConnection and a pinned search_path. Throws PostgresError.
std::string search_path_of(Oid role);

}  // namespace ppm
