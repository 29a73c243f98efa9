#include "pg/bridge/call_context.hpp"

#include "pg/bridge/guard.hpp"

namespace ppm {

bool is_atomic(FunctionCallInfo fcinfo) {
    return fcinfo->context == nullptr || !IsA(fcinfo->context, CallContext) ||
           reinterpret_cast<CallContext*>(fcinfo->context)->atomic;
}

void refuse_if_restricted(const char* procedure) {
    if (InSecurityRestrictedOperation())
        throw PpmError{ERRCODE_INSUFFICIENT_PRIVILEGE, "cannot call " + std::string{procedure} +
                                                           " within security-restricted operation"};
}

bool is_standby(const char* procedure) {
    if (!RecoveryInProgress())
        return false;
    call([=] { ereport(NOTICE, (errmsg("%s does nothing on a standby server", procedure))); });
    return true;
}

void refuse_if_atomic(FunctionCallInfo fcinfo, const char* procedure) {
    if (is_atomic(fcinfo))
        throw PpmError{
            ERRCODE_ACTIVE_SQL_TRANSACTION,
            std::string{procedure} + " cannot run inside a transaction block",
            "It ends transactions as it goes, as DETACH PARTITION ... CONCURRENTLY does.",
            "Call it outside a transaction block, and not from a function."};
}

}  // namespace ppm
