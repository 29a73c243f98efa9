// Where a procedure is called, and whether it may be.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Whether the procedure was called where it must not end the transaction: in a transaction block,
// or from a function.
bool is_atomic(FunctionCallInfo fcinfo);

// What runs in the middle of ppm's own DDL, or of anybody's REFRESH or ANALYZE, is a table owner's
// code: it must not lift the limits that it runs under. Throws 42501.
void refuse_if_restricted(const char* procedure);

// Throws 25001 with the message that PreventInTransactionBlock() of PostgreSQL has.
void refuse_if_atomic(FunctionCallInfo fcinfo, const char* procedure);

// On a standby there is nothing to do: what the primary does arrives by itself. A job that runs on
// all servers may succeed. Says so.
bool is_standby(const char* procedure);

}  // namespace ppm
