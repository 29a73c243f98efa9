// CALL ppm.provision(), CALL ppm.cleanup() and CALL ppm.run_all().
#include "pg/bridge/call_context.hpp"
#include "pg/bridge/version.hpp"
#include "pg/repartition/abandon.hpp"
#include "pg/run/cleanup.hpp"
#include "pg/run/provision.hpp"
#include "pg/run/run_lock.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_provision);
PG_FUNCTION_INFO_V1(ppm_cleanup);
PG_FUNCTION_INFO_V1(ppm_run_all);
}

Datum ppm_provision(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        if (ppm::is_standby("ppm.provision()"))
            return Datum{};
        ppm::refuse_if_restricted("ppm.provision()");
        ppm::Session session{ppm::is_atomic(fcinfo)};
        ppm::Run run{session, ppm::parent_argument(fcinfo)};
        run.perform(ppm::provision);
        run.finish();
        return Datum{};
    });
}

Datum ppm_cleanup(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        if (ppm::is_standby("ppm.cleanup()"))
            return Datum{};
        ppm::refuse_if_restricted("ppm.cleanup()");
        ppm::refuse_if_atomic(fcinfo, "ppm.cleanup()");
        ppm::Session session{false};
        ppm::Run run{session, ppm::parent_argument(fcinfo)};
        run.expect_cleanup();
        run.perform(ppm::cleanup);
        run.finish();
        return Datum{};
    });
}

// All tables get their new partitions before any table loses an old one: a missing partition is
// worse than one too many.
Datum ppm_run_all(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        if (ppm::is_standby("ppm.run_all()"))
            return Datum{};
        ppm::refuse_if_restricted("ppm.run_all()");
        ppm::refuse_if_atomic(fcinfo, "ppm.run_all()");
        ppm::Session session{false};
        const auto parent = ppm::parent_argument(fcinfo);
        std::optional<ppm::RunAllMark> mark;
        if (!parent)
            mark.emplace();
        ppm::Run run{session, parent};
        run.expect_cleanup();
        run.perform(ppm::provision);
        run.perform(ppm::cleanup);
        run.check();
        run.prune();
        ppm::take_back_orphans(session);
        run.finish();
        return Datum{};
    });
}
