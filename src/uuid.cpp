// ppm.uuidv7_lower_bound() and ppm.uuidv7_timestamp(): so that a query on a UUIDv7 key can prune by
// time.
#include "core/uuidv7.hpp"

#include "pg/guard.hpp"
#include "pg/time_zone.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_uuidv7_lower_bound);
PG_FUNCTION_INFO_V1(ppm_uuidv7_timestamp);
}

Datum ppm_uuidv7_lower_bound(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo] {
        const TimestampTz stored = PG_GETARG_TIMESTAMPTZ(0);
        if (TIMESTAMP_NOT_FINITE(stored) || stored < ppm::to_stored(ppm::uuidv7_begin) ||
            stored >= ppm::to_stored(ppm::uuidv7_end))
            throw ppm::PpmError{ERRCODE_DATETIME_VALUE_OUT_OF_RANGE,
                                "timestamp out of range for a UUIDv7",
                                "A UUIDv7 can tell the times from 1970-01-01 to 10889-08-02, UTC."};
        const ppm::Uuid bytes = ppm::uuidv7_lower_bound(ppm::to_instant(stored));
        auto* const uuid =
            ppm::call([] { return static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t))); });
        std::ranges::copy(bytes, uuid->data);
        return UUIDPGetDatum(uuid);
    });
}

Datum ppm_uuidv7_timestamp(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        ppm::Uuid uuid;
        std::copy_n(PG_GETARG_UUID_P(0)->data, uuid.size(), uuid.begin());
        if (!ppm::is_uuidv7(uuid) && !ppm::is_bare_timestamp(uuid))
            PG_RETURN_NULL();
        return TimestampTzGetDatum(ppm::to_stored(ppm::uuidv7_instant(uuid)));
    });
}
