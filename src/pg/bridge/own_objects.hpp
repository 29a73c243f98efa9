// Which of ppm's own objects exist: they may be older than the library.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Whether the schema ppm has a table of that name, and whether that has the column. Throw
// PostgresError.
bool has_own_table(const char* table);
bool has_own_column(const char* table, const char* column);

// Whether the table exists and has pages. Without pages it has no rows, and a query can be saved:
// most users have no hooks and detach nothing.
bool may_have_own_rows(const char* table);

}  // namespace ppm
