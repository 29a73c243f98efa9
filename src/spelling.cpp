// BEFORE a row of ppm.config is written: its interval and origin get the one spelling that the core
// reads.
#include "core/grid/interval.hpp"
#include "core/text.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/bridge/version.hpp"
#include "pg/catalog/catalog.hpp"
#include "pg/catalog/template.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_spell_configuration);
}

namespace {

ppm::PpmError invalid(const char* what, const std::string& value, std::string hint,
                      std::string detail = {}) {
    return {ERRCODE_INVALID_PARAMETER_VALUE,
            "invalid " + std::string{what} + " for ppm.config: " + ppm::in_quotes(value),
            std::move(detail), std::move(hint)};
}

ppm::PpmError invalid_interval(const std::string& value, std::string detail = {}) {
    return invalid("interval", value,
                   "Use " + std::string{ppm::intervals_there_are} +
                       ". For an integer key without key_encoding, use a positive whole number "
                       "such as 1000000.",
                   std::move(detail));
}

// Runs an input function of PostgreSQL; nothing if it rejects the text. The caller then fails.
template <typename Read>
auto read(Read read_value) -> std::optional<std::invoke_result_t<Read&>> {
    try {
        return ppm::call(read_value);
    } catch (const ppm::PostgresError& error) {
        if (ERRCODE_TO_CATEGORY(error.sqlstate()) != ERRCODE_DATA_EXCEPTION)
            throw;
        return std::nullopt;
    }
}

ppm::Interval read_interval(const std::string& text) {
    auto interval = ppm::interval_named(text);
    if (interval)
        return *interval;
    const auto value = read([&text]() -> Interval {
        return *DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(text.c_str()),
                                                      ObjectIdGetDatum(InvalidOid),
                                                      Int32GetDatum(-1)));
    });
    if (!value)
        throw invalid_interval(text);
    interval = ppm::interval_of(value->month, value->day, value->time);
    if (!interval)
        throw invalid_interval(text, ppm::why_no_interval(value->month, value->day, value->time));
    return *interval;
}

std::optional<Timestamp> read_timestamp(const std::string& text, PGFunction input) {
    return read([&text, input]() -> Timestamp {
        return DatumGetTimestamp(DirectFunctionCall3(
            input, CStringGetDatum(text.c_str()), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
    });
}

// The input function of timestamp ignores a zone in the text. Under an offset that no real zone
// has, only a text without a zone differs by that offset when it is read as timestamptz.
bool has_zone(const std::string& text) {
    constexpr std::int64_t offset = (11 * 60 + 11) * USECS_PER_MINUTE;
    ppm::LocalSettings settings;
    settings.set("timezone", "<nobody>+11:11");
    const auto civil = read_timestamp(text, timestamp_in);
    const auto instant = read_timestamp(text, timestamptz_in);
    return civil && !TIMESTAMP_NOT_FINITE(*civil) && instant && *instant - *civil != offset;
}

std::string spell_origin(const std::string& text, ppm::Interval::Unit unit) {
    if (has_zone(text))
        throw invalid("origin", text,
                      "Leave out the time zone. The origin is a local time in the time zone of "
                      "the table, which the column timezone sets.");
    const auto value = read_timestamp(text, timestamp_in);
    if (value && !TIMESTAMP_NOT_FINITE(*value)) {
        const ppm::LocalTime origin{ppm::to_instant(*value).time_since_epoch()};
        if (ppm::can_begin_at(unit, origin))
            return ppm::minute_text(origin);
    }
    throw invalid("origin", text,
                  unit == ppm::Interval::Unit::months
                      ? "For months and years, use a date on day 1 to 28 of its month, such as "
                        "2024-04-01. It can have a time of day in whole minutes."
                      : "Use a date such as 2024-01-07, or a date with a time of day in whole "
                        "minutes, such as 2000-01-01 06:00.");
}

std::string spell_number(const std::string& text) {
    if (const auto number = ppm::whole_number_in(text))
        return std::to_string(*number);
    throw invalid("origin", text, "If interval is a number, use a whole number as origin, too.");
}

struct Spelling {
    std::string interval;
    std::optional<std::string> origin;
};

Spelling spelling_of(const std::string& interval, const std::optional<std::string>& origin) {
    if (ppm::whole_number_in(interval)) {
        const auto count = ppm::count_in(interval);
        if (!count)
            throw invalid_interval(interval);
        return {std::to_string(*count),
                origin ? std::optional{spell_number(*origin)} : std::nullopt};
    }
    const ppm::Interval known = read_interval(interval);
    return {name_of(known),
            origin ? std::optional{spell_origin(*origin, known.unit)} : std::nullopt};
}

std::optional<std::string> text_of(HeapTuple row, TupleDesc descriptor, const char* column) {
    const char* const value = ppm::call([=]() -> const char* {
        bool is_null = true;
        const int number = SPI_fnumber(descriptor, column);
        const Datum datum = number > 0 ? heap_getattr(row, number, descriptor, &is_null) : Datum{};
        return is_null ? nullptr : TextDatumGetCString(datum);
    });
    return value == nullptr ? std::nullopt : std::optional{std::string{value}};
}

HeapTuple with_spelling(HeapTuple row, TupleDesc descriptor, const Spelling& spelling) {
    const char* const interval = spelling.interval.c_str();
    const char* const origin = spelling.origin ? spelling.origin->c_str() : nullptr;
    return ppm::call([=] {
        std::array columns{SPI_fnumber(descriptor, "interval"), SPI_fnumber(descriptor, "origin")};
        std::array values{CStringGetTextDatum(interval),
                          origin == nullptr ? Datum{} : CStringGetTextDatum(origin)};
        std::array nulls{false, origin == nullptr};
        return heap_modify_tuple_by_cols(row, descriptor, static_cast<int>(columns.size()),
                                         columns.data(), values.data(), nulls.data());
    });
}

// An edge of a slot must be the first Snowflake ID of a millisecond.
void require_whole_milliseconds(HeapTuple row, TupleDesc descriptor) {
    const auto epoch = ppm::call([=]() -> TimestampTz {
        bool is_null = true;
        const Datum datum =
            heap_getattr(row, SPI_fnumber(descriptor, "key_epoch"), descriptor, &is_null);
        return is_null ? 0 : DatumGetTimestampTz(datum);
    });
    constexpr TimestampTz microseconds = 1000;
    if (TIMESTAMP_NOT_FINITE(epoch) || epoch % microseconds != 0)
        throw ppm::PpmError{ERRCODE_INVALID_PARAMETER_VALUE,
                            "invalid key_epoch for ppm.config",
                            {},
                            "Use a finite time in whole milliseconds."};
}

bool is_our_trigger(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        return false;
    const auto* const trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    return TRIGGER_FIRED_BEFORE(trigger->tg_event) && TRIGGER_FIRED_FOR_ROW(trigger->tg_event) &&
           ppm::is_configuration(trigger->tg_relation);
}

// Nothing if there is no template, or it is unchanged: a dump must be restorable even where the
// template is missing.
std::optional<std::string> spell_template(const TriggerData& trigger, HeapTuple row) {
    const TupleDesc descriptor = RelationGetDescr(trigger.tg_relation);
    const auto name = text_of(row, descriptor, "template");
    if (!name || (TRIGGER_FIRED_BY_UPDATE(trigger.tg_event) &&
                  text_of(trigger.tg_trigtuple, descriptor, "template") == name))
        return std::nullopt;
    const ppm::SpiConnection spi{false};
    try {
        if (auto spelled = ppm::spelled_template(*name))
            return spelled;
    } catch (const ppm::PostgresError&) {
        // The text does not parse as a name; the caller's statement fails.
        throw invalid("template", *name, "Write it as schema.table.");
    }
    if (check_function_bodies)
        throw invalid("template", *name, "There is no such table. Write it as schema.table.");
    return std::nullopt;
}

HeapTuple with_template(HeapTuple row, TupleDesc descriptor, const std::string& name) {
    const char* const text = name.c_str();
    return ppm::call([=] {
        int column = SPI_fnumber(descriptor, "template");
        Datum value = CStringGetTextDatum(text);
        bool is_null = false;
        return heap_modify_tuple_by_cols(row, descriptor, 1, &column, &value, &is_null);
    });
}

}  // namespace

// BEFORE INSERT OR UPDATE, FOR EACH ROW.
Datum ppm_spell_configuration(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        if (!is_our_trigger(fcinfo))
            throw ppm::PpmError{
                ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                "ppm.spell_configuration() is only for its own trigger on ppm.config"};
        const auto* const trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
        const TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
        HeapTuple const row = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple
                                                                         : trigger->tg_trigtuple;
        // A null is left to the NOT NULL constraint.
        const auto interval = text_of(row, descriptor, "interval");
        if (!interval)
            return PointerGetDatum(row);
        require_whole_milliseconds(row, descriptor);
        HeapTuple const spelled = with_spelling(
            row, descriptor, spelling_of(*interval, text_of(row, descriptor, "origin")));
        const auto name = spell_template(*trigger, row);
        return PointerGetDatum(name ? with_template(spelled, descriptor, *name) : spelled);
    });
}
