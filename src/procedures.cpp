// CALL ppm.provision(), CALL ppm.cleanup() and CALL ppm.run_all().
#include "pg/cleanup.hpp"
#include "pg/provision.hpp"
#include "pg/version.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_provision);
PG_FUNCTION_INFO_V1(ppm_cleanup);
PG_FUNCTION_INFO_V1(ppm_run_all);
}

namespace {

// Whether the procedure was called where it must not end the transaction: in a transaction block,
// or from a function.
bool is_atomic(FunctionCallInfo fcinfo) {
    return fcinfo->context == nullptr || !IsA(fcinfo->context, CallContext) ||
           reinterpret_cast<CallContext*>(fcinfo->context)->atomic;
}

// What runs in the middle of ppm's own DDL, or of anybody's REFRESH or ANALYZE, is a table owner's
// code: it must not lift the limits that it runs under.
void refuse_if_restricted(const char* procedure) {
    if (InSecurityRestrictedOperation())
        throw ppm::PpmError{
            ERRCODE_INSUFFICIENT_PRIVILEGE,
            "cannot call " + std::string{procedure} + " within security-restricted operation"};
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

}  // namespace

Datum ppm_provision(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        if (is_standby("ppm.provision()"))
            return Datum{};
        refuse_if_restricted("ppm.provision()");
        ppm::Session session{is_atomic(fcinfo)};
        ppm::Run run{session, ppm::parent_argument(fcinfo)};
        run.perform(ppm::provision);
        run.finish();
        return Datum{};
    });
}

Datum ppm_cleanup(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        if (is_standby("ppm.cleanup()"))
            return Datum{};
        refuse_if_restricted("ppm.cleanup()");
        refuse_if_atomic(fcinfo, "ppm.cleanup()");
        ppm::Session session{false};
        ppm::Run run{session, ppm::parent_argument(fcinfo)};
        run.perform(ppm::cleanup);
        run.finish();
        return Datum{};
    });
}

// All tables get their new partitions before any loses an old one: what is missing is worse than
// what is too much.
Datum ppm_run_all(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        if (is_standby("ppm.run_all()"))
            return Datum{};
        refuse_if_restricted("ppm.run_all()");
        refuse_if_atomic(fcinfo, "ppm.run_all()");
        ppm::Session session{false};
        ppm::Run run{session, ppm::parent_argument(fcinfo)};
        run.perform(ppm::provision);
        run.perform(ppm::cleanup);
        run.check();
        run.prune();
        run.finish();
        return Datum{};
    });
}
