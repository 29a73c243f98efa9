#include "pg/bridge/spi.hpp"

#include "core/text.hpp"
#include "pg/catalog/time_zone.hpp"

namespace ppm {

namespace {

// Parameters as SPI takes them.
class Arguments {
  public:
    explicit Arguments(std::initializer_list<Parameter> parameters) {
        if (parameters.size() > values_.size())
            throw PpmError{ERRCODE_INTERNAL_ERROR, "too many parameters for a query"};
        for (const Parameter& parameter : parameters) {
            types_[count_] = parameter.type;
            values_[count_] = parameter.value;
            nulls_[count_++] = parameter.is_null ? 'n' : ' ';
        }
    }

    // May ereport.
    SPIPlanPtr prepare(const char* sql) {
        // ppm's queries of the catalog have one good plan, whatever the parameters are.
        SPIPlanPtr const plan = SPI_prepare_cursor(sql, static_cast<int>(count_), types_.data(),
                                                   CURSOR_OPT_GENERIC_PLAN);
        if (plan == nullptr || SPI_keepplan(plan) != 0)
            elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
        return plan;
    }

    // May ereport.
    int execute(SPIPlanPtr plan, bool read_only) {
        return SPI_execute_plan(plan, values_.data(), nulls_.data(), read_only, 0);
    }

  private:
    std::array<Oid, 16> types_{};
    std::array<Datum, 16> values_{};
    std::array<char, 16> nulls_{};
    std::size_t count_ = 0;
};

void require_pinned_path() {
    if (std::string_view{namespace_search_path} != pinned_path)
        throw PpmError{ERRCODE_INTERNAL_ERROR, "search_path is not pinned for a query of ppm",
                       "It is " + std::string{namespace_search_path} + ".",
                       "Report this to the authors of ppm."};
}

// The plan of a query, which is made once a session: planning it costs more than running it does.
// PostgreSQL makes it anew when something that it depends on has changed (plancache.c).
SPIPlanPtr plan_of(const std::string& sql, Arguments& arguments) {
    require_pinned_path();
    static std::unordered_map<std::string, SPIPlanPtr> plans;
    SPIPlanPtr& plan = plans[sql];
    if (plan == nullptr)
        plan = call([&] { return arguments.prepare(sql.c_str()); });
    return plan;
}

}  // namespace

SpiConnection::SpiConnection(bool nonatomic) : exceptions_{std::uncaught_exceptions()} {
    call([=] {
        if (SPI_connect_ext(nonatomic ? SPI_OPT_NONATOMIC : 0) != SPI_OK_CONNECT)
            elog(ERROR, "SPI_connect failed");
    });
}

SpiConnection::~SpiConnection() {
    // After an error, the end of the (sub)transaction closes the connection (AtEOXact_SPI()): then
    // nothing uses its memory any more.
    if (std::uncaught_exceptions() > exceptions_)
        return;
    call_in_destructor([] { SPI_finish(); });
}

Parameter oid_parameter(std::optional<Oid> oid) {
    return {OIDOID, ObjectIdGetDatum(oid.value_or(InvalidOid)), !oid};
}

Parameter text_parameter(const std::optional<std::string>& value) {
    if (!value)
        return {TEXTOID, Datum{}, true};
    return {TEXTOID, call([&value] { return CStringGetTextDatum(value->c_str()); }), false};
}

Parameter timestamp_parameter(const std::optional<Slot>& civil, Position Slot::*edge) {
    return {TIMESTAMPOID, civil ? TimestampGetDatum(to_stored((*civil).*edge)) : Datum{}, !civil};
}

Parameter bigint_parameter(std::int64_t value) {
    return {INT8OID, call([=] { return Int64GetDatum(value); }), false};
}

Parameter text_array_parameter(const std::vector<std::string>& values) {
    const Datum array = call([&values] {
        auto* const datums = static_cast<Datum*>(palloc(sizeof(Datum) * values.size()));
        std::ranges::transform(values, datums, [](const std::string& value) {
            return CStringGetTextDatum(value.c_str());
        });
        return PointerGetDatum(construct_array(datums, static_cast<int>(values.size()), TEXTOID, -1,
                                               false, TYPALIGN_INT));
    });
    return {TEXTARRAYOID, array, false};
}

Parameter oid_array_parameter(const std::vector<Oid>& oids) {
    const Datum array = call([&oids] {
        auto* const datums = static_cast<Datum*>(palloc(sizeof(Datum) * oids.size()));
        std::ranges::transform(oids, datums, [](Oid oid) { return ObjectIdGetDatum(oid); });
        return PointerGetDatum(construct_array(datums, static_cast<int>(oids.size()), OIDOID,
                                               sizeof(Oid), true, TYPALIGN_INT));
    });
    return {OIDARRAYOID, array, false};
}

Rows::~Rows() {
    call_in_destructor([this] { SPI_freetuptable(table_); });
}

int Rows::column_named(const char* name) const {
    const int column = SPI_fnumber(table_->tupdesc, name);
    return column > 0 ? column : no_column;
}

bool Rows::is_null(std::size_t row, int column) const {
    bool is_null = false;
    SPI_getbinval(table_->vals[row], table_->tupdesc, column, &is_null);
    return is_null;
}

Datum Rows::read(std::size_t row, int column, std::type_identity<Datum>) const {
    if (column == no_column)
        throw PpmError{ERRCODE_INTERNAL_ERROR, "a query of ppm lacks a column"};
    bool is_null = false;
    const Datum value = SPI_getbinval(table_->vals[row], table_->tupdesc, column, &is_null);
    if (is_null)
        throw PpmError{
            ERRCODE_NULL_VALUE_NOT_ALLOWED,
            "column " + in_quotes(call([=, this] { return SPI_fname(table_->tupdesc, column); })) +
                " of a query of ppm is null"};
    return value;
}

bool Rows::read(std::size_t row, int column, std::type_identity<bool>) const {
    return DatumGetBool(read(row, column, std::type_identity<Datum>{}));
}

char Rows::read(std::size_t row, int column, std::type_identity<char>) const {
    return DatumGetChar(read(row, column, std::type_identity<Datum>{}));
}

std::int16_t Rows::read(std::size_t row, int column, std::type_identity<std::int16_t>) const {
    return DatumGetInt16(read(row, column, std::type_identity<Datum>{}));
}

std::int32_t Rows::read(std::size_t row, int column, std::type_identity<std::int32_t>) const {
    return DatumGetInt32(read(row, column, std::type_identity<Datum>{}));
}

std::int64_t Rows::read(std::size_t row, int column, std::type_identity<std::int64_t>) const {
    return DatumGetInt64(read(row, column, std::type_identity<Datum>{}));
}

Oid Rows::read(std::size_t row, int column, std::type_identity<Oid>) const {
    return DatumGetObjectId(read(row, column, std::type_identity<Datum>{}));
}

std::string Rows::read(std::size_t row, int column, std::type_identity<std::string>) const {
    const Datum value = read(row, column, std::type_identity<Datum>{});
    const Oid type = SPI_gettypeid(table_->tupdesc, column);
    if (type == NAMEOID)
        return NameStr(*DatumGetName(value));
    char* const copy = call([=, this] {
        return type == TEXTOID ? TextDatumGetCString(value)
                               : SPI_getvalue(table_->vals[row], table_->tupdesc, column);
    });
    std::string result = copy;
    pfree(copy);
    return result;
}

std::vector<std::string> Rows::read(std::size_t row, int column,
                                    std::type_identity<std::vector<std::string>>) const {
    std::vector<std::string> result;
    const auto array = read(row, column, std::type_identity<std::optional<Datum>>{});
    if (!array)
        return result;
    Datum* elements = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    call([&] {
        deconstruct_array(DatumGetArrayTypeP(*array), TEXTOID, -1, false, TYPALIGN_INT, &elements,
                          &nulls, &count);
    });
    for (int i = 0; i < count; ++i)
        if (!nulls[i])
            result.emplace_back(call([&] { return TextDatumGetCString(elements[i]); }));
    return result;
}

void Rows::require_columns(std::size_t count) const {
    if (static_cast<std::size_t>(table_->tupdesc->natts) != count)
        throw PpmError{ERRCODE_INTERNAL_ERROR, "a query of ppm has the wrong number of columns"};
}

void Rows::require_row() const {
    if (count_ == 0)
        throw PpmError{ERRCODE_INTERNAL_ERROR, "a query of ppm returned no row"};
}

Rows query(const std::string& sql, std::initializer_list<Parameter> parameters) {
    Arguments arguments{parameters};
    SPIPlanPtr const plan = plan_of(sql, arguments);
    call([&] {
        CommandCounterIncrement();
        PushActiveSnapshot(GetLatestSnapshot());
        const int result = arguments.execute(plan, true);
        if (result != SPI_OK_SELECT)
            elog(ERROR, "query failed: %s", SPI_result_code_string(result));
        PopActiveSnapshot();
    });
    return Rows{SPI_tuptable, SPI_processed};
}

Rows query_to_change(const std::string& sql, std::initializer_list<Parameter> parameters) {
    Arguments arguments{parameters};
    SPIPlanPtr const plan = plan_of(sql, arguments);
    call([&] {
        const int result = arguments.execute(plan, false);
        if (result != SPI_OK_SELECT)
            elog(ERROR, "query failed: %s", SPI_result_code_string(result));
    });
    return Rows{SPI_tuptable, SPI_processed};
}

std::size_t execute(const std::string& statement, std::initializer_list<Parameter> parameters) {
    Arguments arguments{parameters};
    SPIPlanPtr const plan = plan_of(statement, arguments);
    call([&] {
        const int result = arguments.execute(plan, false);
        if (result < 0)
            elog(ERROR, "statement failed: %s", SPI_result_code_string(result));
    });
    return SPI_processed;
}

Rows query_once(const std::string& sql) {
    call([&] {
        const int result = SPI_execute(sql.c_str(), false, 0);
        if (result != SPI_OK_SELECT)
            elog(ERROR, "query failed: %s", SPI_result_code_string(result));
    });
    return Rows{SPI_tuptable, SPI_processed};
}

void execute_once(const std::string& statement) {
    call([&] {
        const int result = SPI_execute(statement.c_str(), false, 0);
        if (result < 0)
            elog(ERROR, "statement failed: %s", SPI_result_code_string(result));
    });
}

void execute_own_once(const std::string& statement) {
    require_pinned_path();
    execute_once(statement);
}

}  // namespace ppm
