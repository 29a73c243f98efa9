// What of ppm's own objects there is: they may be older than the library.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Whether the schema ppm has a table of that name, and whether that has the column. Throw
// PostgresError.
bool has_own_table(const char* table);
bool has_own_column(const char* table, const char* column);

// Whether there is such a table, and it has pages: without any it has no row, and a query of it can
// be spared. Most users have no hooks, and detach nothing.
bool may_have_own_rows(const char* table);

}  // namespace ppm
