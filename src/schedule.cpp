// What SQL sees of the launcher.
#include "pg/bridge/guard.hpp"
#include "pg/schedule/shared.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_scheduled_at);
}

Datum ppm_scheduled_at(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        const auto at = ppm::scheduled_at();
        fcinfo->isnull = !at;
        return TimestampTzGetDatum(at.value_or(0));
    });
}
