// Where a procedure is called, and whether it may be.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Whether the procedure was called where it must not end the transaction: in a transaction block,
// or from a function.
bool is_atomic(FunctionCallInfo fcinfo);

// Throws 42501 in a security-restricted operation, as in ppm's own DDL, or in REFRESH or ANALYZE. A
// table owner's code runs there, and must not lift the limits that it runs under.
void refuse_if_restricted(const char* procedure);

// Throws 25001 with the message that PreventInTransactionBlock() of PostgreSQL has.
void refuse_if_atomic(FunctionCallInfo fcinfo, const char* procedure);

// Whether the server is a standby; if so, says so. A standby has nothing to do: the primary's
// changes are replicated. A job that runs on all servers then succeeds.
bool is_standby(const char* procedure);

}  // namespace ppm
