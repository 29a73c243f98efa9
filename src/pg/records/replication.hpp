// ppm's tables are about the database that they are in: what logical replication sends from the
// tables of the same names in another one is not for them. The triggers of the extension's script
// call these.
#pragma once

#include "pg/bridge/guard.hpp"

namespace ppm {

// Whether what is being done now was done on another server first, and is applied here.
bool is_applied_by_replication();

// A trigger cannot skip a TRUNCATE. Before it keep_rows() takes the rows aside, after it, in the
// same command, put_rows_back() puts them back.
void keep_rows(Relation table);
void put_rows_back(Relation table);

// Has the triggers fire for what replication applies again: pg_restore --disable-triggers leaves
// them as ENABLE TRIGGER ALL makes them, for everything but that.
void keep_replication_out();

}  // namespace ppm
