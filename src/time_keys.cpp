// ppm.uuidv7_lower_bound() and similar functions: with them a query on a key that tells time can
// prune by time.
#include "core/key/encoding.hpp"
#include "core/key/ulid.hpp"
#include "core/key/uuidv7.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/catalog/time_zone.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_uuidv7_lower_bound);
PG_FUNCTION_INFO_V1(ppm_uuidv7_timestamp);
PG_FUNCTION_INFO_V1(ppm_snowflake_lower_bound);
PG_FUNCTION_INFO_V1(ppm_snowflake_timestamp);
PG_FUNCTION_INFO_V1(ppm_ulid_lower_bound);
PG_FUNCTION_INFO_V1(ppm_ulid_timestamp);
}

namespace {

ppm::PpmError out_of_range(const std::string& key, std::string detail) {
    return {ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, "timestamp out of range for a " + key,
            std::move(detail)};
}

// Throws if 48 bits of milliseconds cannot hold the argument.
ppm::Instant instant_argument(FunctionCallInfo fcinfo, const char* key) {
    const TimestampTz stored = PG_GETARG_TIMESTAMPTZ(0);
    if (TIMESTAMP_NOT_FINITE(stored) || stored < ppm::to_stored(ppm::milliseconds48_begin) ||
        stored >= ppm::to_stored(ppm::milliseconds48_end))
        throw out_of_range(key, "A " + std::string{key} +
                                    " can tell the times from 1970-01-01 to 10889-08-02, UTC.");
    return ppm::to_instant(stored);
}

// The second and third argument of the functions of Snowflake IDs.
ppm::Snowflake snowflake_arguments(FunctionCallInfo fcinfo) {
    const TimestampTz epoch = PG_GETARG_TIMESTAMPTZ(1);
    const std::int32_t shift = PG_GETARG_INT32(2);
    if (TIMESTAMP_NOT_FINITE(epoch))
        throw ppm::PpmError{ERRCODE_INVALID_PARAMETER_VALUE, "epoch must be finite"};
    constexpr TimestampTz microseconds = 1000;
    if (epoch % microseconds != 0)
        throw ppm::PpmError{ERRCODE_INVALID_PARAMETER_VALUE,
                            "epoch must be a whole number of milliseconds"};
    if (shift < 0 || shift > ppm::longest_shift)
        throw ppm::PpmError{ERRCODE_INVALID_PARAMETER_VALUE,
                            "shift must be between 0 and " + std::to_string(ppm::longest_shift)};
    return {ppm::to_instant(epoch), shift};
}

}  // namespace

Datum ppm_uuidv7_lower_bound(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo] {
        const ppm::Uuid bytes = ppm::uuidv7_lower_bound(instant_argument(fcinfo, "UUIDv7"));
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

Datum ppm_snowflake_lower_bound(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo] {
        const TimestampTz stored = PG_GETARG_TIMESTAMPTZ(0);
        const ppm::Snowflake snowflake = snowflake_arguments(fcinfo);
        const auto number =
            TIMESTAMP_NOT_FINITE(stored)
                ? std::nullopt
                : integer_of(ppm::to_instant(stored), ppm::KeyEncoding::snowflake, snowflake);
        if (!number)
            throw out_of_range("Snowflake ID",
                               "With this epoch and shift, the time does not fit into a bigint.");
        return ppm::call([&] { return Int64GetDatum(*number); });
    });
}

Datum ppm_snowflake_timestamp(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo] {
        const auto instant = instant_of(PG_GETARG_INT64(0), ppm::KeyEncoding::snowflake,
                                        snowflake_arguments(fcinfo));
        if (!instant || !IS_VALID_TIMESTAMP(ppm::to_stored(*instant)))
            throw ppm::PpmError{ERRCODE_DATETIME_VALUE_OUT_OF_RANGE, "timestamp out of range"};
        return TimestampTzGetDatum(ppm::to_stored(*instant));
    });
}

Datum ppm_ulid_lower_bound(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo] {
        const std::string ulid = ppm::ulid_lower_bound(instant_argument(fcinfo, "ULID"));
        return ppm::call([&ulid] { return CStringGetTextDatum(ulid.c_str()); });
    });
}

Datum ppm_ulid_timestamp(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        const text* const ulid = ppm::call([fcinfo] { return PG_GETARG_TEXT_PP(0); });
        const auto instant = ppm::ulid_instant({VARDATA_ANY(ulid), VARSIZE_ANY_EXHDR(ulid)});
        if (!instant)
            PG_RETURN_NULL();
        return TimestampTzGetDatum(ppm::to_stored(*instant));
    });
}
