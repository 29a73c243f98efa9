// ppm's tables describe the database that they are in. Changes that logical replication sends from
// the same tables of another database must not be applied. The triggers of the extension's script
// call these functions.
#pragma once

#include "pg/bridge/guard.hpp"

namespace ppm {

// Whether logical replication is applying the current change here.
bool is_applied_by_replication();

// A trigger cannot skip a TRUNCATE. So keep_rows() saves the rows before it, and put_rows_back()
// inserts them again after it, in the same command.
void keep_rows(Relation table);
void put_rows_back(Relation table);

// Makes the triggers fire again for replicated changes (ENABLE ALWAYS). pg_restore
// --disable-triggers leaves them as ENABLE TRIGGER ALL does: they fire for everything else.
void keep_replication_out();

}  // namespace ppm
