// CALL ppm.provision() and CALL ppm.cleanup().
#include "pg/cleanup.hpp"
#include "pg/provision.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_provision);
PG_FUNCTION_INFO_V1(ppm_cleanup);
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

// With the message that PreventInTransactionBlock() of PostgreSQL has.
void refuse_if_atomic(FunctionCallInfo fcinfo, const char* procedure) {
    if (is_atomic(fcinfo))
        throw ppm::PpmError{
            ERRCODE_ACTIVE_SQL_TRANSACTION,
            std::string{procedure} + " cannot run inside a transaction block",
            "It ends transactions as it goes, as DETACH PARTITION ... CONCURRENTLY does.",
            "Call it outside a transaction block, and not from a function."};
}

void run(FunctionCallInfo fcinfo, const ppm::Task& task) {
    ppm::Session session{is_atomic(fcinfo)};
    ppm::run(session, task, PG_ARGISNULL(0) ? std::nullopt : std::optional{PG_GETARG_OID(0)});
}

}  // namespace

Datum ppm_provision(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        if (!is_standby("ppm.provision()"))
            run(fcinfo, ppm::provision);
        return Datum{};
    });
}

Datum ppm_cleanup(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        if (is_standby("ppm.cleanup()"))
            return Datum{};
        refuse_if_atomic(fcinfo, "ppm.cleanup()");
        run(fcinfo, ppm::cleanup);
        return Datum{};
    });
}
