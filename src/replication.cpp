// The triggers that keep other databases' replicated rows, and TRUNCATE, out of ppm's tables.
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

// BEFORE INSERT OR UPDATE OR DELETE, FOR EACH ROW: skips the row if replication applies it. BEFORE
// and AFTER TRUNCATE: makes the table keep its rows. Works with any version of the extension's
// objects: an error would stop the whole subscription.
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

// BEFORE TRUNCATE, for every role. No trigger would see the rows that are removed, so ppm could
// neither check rights over their tables nor forget what it has recorded about them.
Datum ppm_refuse_truncate(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        const TriggerData& trigger = trigger_of(fcinfo, "ppm.refuse_truncate()");
        if (ppm::is_applied_by_replication())
            return Datum{};
        const std::string table = RelationGetRelationName(trigger.tg_relation);
        throw ppm::PpmError{ERRCODE_FEATURE_NOT_SUPPORTED, "cannot truncate table ppm." + table,
                            "ppm checks the removal of each of its rows, one by one.",
                            "Use DELETE FROM ppm." + table + "."};
    });
}
