// The triggers that keep out of ppm's tables what is none of this database's, and a TRUNCATE.
#include "pg/records/replication.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_skip_replicated);
PG_FUNCTION_INFO_V1(ppm_refuse_truncate);
}

namespace {

const TriggerData& trigger_of(FunctionCallInfo fcinfo, const char* function) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw ppm::PpmError{ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                            std::string{function} + " is only for triggers on ppm's tables"};
    return *reinterpret_cast<TriggerData*>(fcinfo->context);
}

}  // namespace

// BEFORE INSERT OR UPDATE OR DELETE, FOR EACH ROW: leaves the row out if replication applies it.
// BEFORE and AFTER TRUNCATE: has the table keep its rows. Works whatever the version of the
// extension's objects is: an error would stop the whole subscription.
Datum ppm_skip_replicated(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        const TriggerData& trigger = trigger_of(fcinfo, "ppm.skip_replicated()");
        const bool is_skipped = ppm::is_applied_by_replication();
        if (!TRIGGER_FIRED_BY_TRUNCATE(trigger.tg_event)) {
            HeapTuple const row = TRIGGER_FIRED_BY_UPDATE(trigger.tg_event) ? trigger.tg_newtuple
                                                                            : trigger.tg_trigtuple;
            return PointerGetDatum(is_skipped ? nullptr : row);
        }
        if (is_skipped && TRIGGER_FIRED_BEFORE(trigger.tg_event))
            ppm::keep_rows(trigger.tg_relation);
        else if (is_skipped)
            ppm::put_rows_back(trigger.tg_relation);
        return Datum{};
    });
}

// BEFORE TRUNCATE. Whoever it is: no trigger would see which rows go, so nobody's rights over their
// tables could be asked for, and nothing would be forgotten with them.
Datum ppm_refuse_truncate(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        const TriggerData& trigger = trigger_of(fcinfo, "ppm.refuse_truncate()");
        if (ppm::is_applied_by_replication())
            return Datum{};
        const std::string table = RelationGetRelationName(trigger.tg_relation);
        throw ppm::PpmError{ERRCODE_FEATURE_NOT_SUPPORTED, "cannot truncate table ppm." + table,
                            "What becomes of each of its rows is checked one by one.",
                            "Use DELETE FROM ppm." + table + "."};
    });
}
