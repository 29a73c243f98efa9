// What of ppm's own objects there is: they may be older than the library.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Whether the schema ppm has a table of that name, and whether that has the column. Throw
// PostgresError.
bool has_own_table(const char* table);
bool has_own_column(const char* table, const char* column);

}  // namespace ppm
