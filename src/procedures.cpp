// CALL ppm.provision().
#include "pg/provision.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_provision);
}

namespace {

// Whether the procedure was called where it must not end the transaction: in a transaction block,
// or from a function.
bool is_atomic(FunctionCallInfo fcinfo) {
    return fcinfo->context == nullptr || !IsA(fcinfo->context, CallContext) ||
           reinterpret_cast<CallContext*>(fcinfo->context)->atomic;
}

// On a standby there is nothing to do: what the primary does arrives by itself. A job that runs on
// all servers may succeed.
bool is_standby(const char* procedure) {
    if (!RecoveryInProgress())
        return false;
    ppm::call([=] { ereport(NOTICE, (errmsg("%s does nothing on a standby server", procedure))); });
    return true;
}

}  // namespace

Datum ppm_provision(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        if (is_standby("ppm.provision()"))
            return Datum{};
        ppm::Session session{is_atomic(fcinfo)};
        ppm::provision(session, PG_ARGISNULL(0) ? std::nullopt : std::optional{PG_GETARG_OID(0)});
        return Datum{};
    });
}
