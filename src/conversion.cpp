// ppm.plan_conversion(), CALL ppm.convert() and CALL ppm.abandon().
#include "core/text.hpp"
#include "pg/bridge/call_context.hpp"
#include "pg/bridge/result_set.hpp"
#include "pg/bridge/version.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/convert/convert.hpp"
#include "pg/repartition/move.hpp"
#include "pg/run/provision.hpp"
#include "pg/run/recorded.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_plan_conversion);
PG_FUNCTION_INFO_V1(ppm_convert);
PG_FUNCTION_INFO_V1(ppm_abandon);
}

namespace {

using ppm::RelationId;

RelationId relation_argument(FunctionCallInfo fcinfo) {
    if (const auto relation = ppm::parent_argument(fcinfo))
        return *relation;
    throw ppm::PpmError{ERRCODE_NULL_VALUE_NOT_ALLOWED, "relation must not be null"};
}

// The relation may have been concurrently dropped.
std::string name_of(RelationId relation) {
    const char* const name = ppm::call([=] { return get_rel_name(relation); });
    return name == nullptr ? "with OID " + std::to_string(relation) : ppm::in_quotes(name);
}

ppm::Cell text_or_null(const std::string& text) {
    return text.empty() ? ppm::Cell{std::nullopt} : ppm::Cell{text};
}

}  // namespace

Datum ppm_plan_conversion(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        const ppm::SpiConnection spi{false};
        ppm::ResultSet rows{fcinfo};
        for (const ppm::PlannedStep& step : ppm::plan_conversion(relation_argument(fcinfo)))
            rows.add({step.number ? ppm::Cell{*step.number} : ppm::Cell{std::nullopt}, step.action,
                      text_or_null(step.statement), text_or_null(step.lock),
                      text_or_null(step.detail), text_or_null(step.hint)});
        return Datum{};
    });
}

Datum ppm_convert(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        ppm::refuse_if_restricted("ppm.convert()");
        ppm::refuse_if_atomic(fcinfo, "ppm.convert()");
        const RelationId relation = relation_argument(fcinfo);
        const bool extend_unique = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
        ppm::Session session{false};
        ppm::History history;
        const RelationId converted = recorded(session, history, relation, "convert", [&] {
            return convert(session, history, relation, extend_unique);
        });
        // Creates the partitions of the window that the old table does not cover. Keys of these
        // partitions could not be written before either.
        ppm::Run run{session, converted};
        run.perform(ppm::provision);
        run.finish();
        return Datum{};
    });
}

Datum ppm_abandon(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        ppm::refuse_if_restricted("ppm.abandon()");
        ppm::refuse_if_atomic(fcinfo, "ppm.abandon()");
        const RelationId relation = relation_argument(fcinfo);
        ppm::Session session{false};
        ppm::History history;
        // Each returns whether it found anything to take back. The last operation begun comes
        // first.
        constexpr std::array takers_back{ppm::abandon_move, ppm::abandon_conversion};
        const bool was_any = std::ranges::any_of(takers_back, [&](auto take_back) {
            return recorded(session, history, relation, "abandon",
                            [&] { return take_back(session, history, relation); });
        });
        if (!was_any)
            throw ppm::PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                                "there is nothing to abandon for table " + name_of(relation)};
        session.wait_for_standbys();
        return Datum{};
    });
}
