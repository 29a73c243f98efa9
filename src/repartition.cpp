// CALL ppm.repartition(), and the triggers of a move.
#include "pg/bridge/call_context.hpp"
#include "pg/bridge/version.hpp"
#include "pg/repartition/move.hpp"
#include "pg/repartition/triggers.hpp"
#include "pg/run/recorded.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_repartition);
PG_FUNCTION_INFO_V1(ppm_log_change);
PG_FUNCTION_INFO_V1(ppm_write_through);
}

namespace {

Oid required_relation(FunctionCallInfo fcinfo, const char* procedure) {
    if (PG_ARGISNULL(0))
        throw ppm::PpmError{ERRCODE_NULL_VALUE_NOT_ALLOWED,
                            std::string{procedure} + " needs a table"};
    return PG_GETARG_OID(0);
}

std::optional<std::string> text_argument(FunctionCallInfo fcinfo, int number) {
    if (PG_ARGISNULL(number))
        return std::nullopt;
    return ppm::call([=] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); });
}

}  // namespace

Datum ppm_repartition(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        constexpr const char* procedure = "ppm.repartition()";
        ppm::refuse_if_restricted(procedure);
        ppm::refuse_if_atomic(fcinfo, procedure);
        const Oid parent = required_relation(fcinfo, procedure);
        const auto from = text_argument(fcinfo, 1);
        const auto to = text_argument(fcinfo, 2);
        ppm::Session session{false};
        ppm::History history;
        ppm::recorded(session, history, parent, "repartition",
                      [&] { ppm::repartition(session, history, parent, from, to); });
        session.wait_for_standbys();
        return Datum{};
    });
}

Datum ppm_log_change(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        ppm::note_change(fcinfo);
        return Datum{};
    });
}

Datum ppm_write_through(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        ppm::write_through(fcinfo);
        return Datum{};
    });
}
