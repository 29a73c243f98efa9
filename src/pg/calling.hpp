// Where a procedure may be called.
#pragma once

#include "pg/guard.hpp"

namespace ppm {

// Whether the procedure was called where it must not end the transaction: in a transaction block,
// or from a function.
inline bool is_atomic(FunctionCallInfo fcinfo) {
    return fcinfo->context == nullptr || !IsA(fcinfo->context, CallContext) ||
           reinterpret_cast<CallContext*>(fcinfo->context)->atomic;
}

// What runs in the middle of ppm's own DDL, or of anybody's REFRESH or ANALYZE, is a table owner's
// code: it must not lift the limits that it runs under.
inline void refuse_if_restricted(const char* procedure) {
    if (InSecurityRestrictedOperation())
        throw PpmError{ERRCODE_INSUFFICIENT_PRIVILEGE, "cannot call " + std::string{procedure} +
                                                           " within security-restricted operation"};
}

// With the message that PreventInTransactionBlock() of PostgreSQL has.
inline void refuse_if_atomic(FunctionCallInfo fcinfo, const char* procedure) {
    if (is_atomic(fcinfo))
        throw PpmError{
            ERRCODE_ACTIVE_SQL_TRANSACTION,
            std::string{procedure} + " cannot run inside a transaction block",
            "It ends transactions as it goes, as DETACH PARTITION ... CONCURRENTLY does.",
            "Call it outside a transaction block, and not from a function."};
}

}  // namespace ppm
