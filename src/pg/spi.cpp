#include "pg/spi.hpp"

namespace ppm {

namespace {

constexpr std::size_t max_parameters = 4;

}  // namespace

SpiConnection::SpiConnection(bool nonatomic) : exceptions_{std::uncaught_exceptions()} {
    call([=] {
        if (SPI_connect_ext(nonatomic ? SPI_OPT_NONATOMIC : 0) != SPI_OK_CONNECT)
            elog(ERROR, "SPI_connect failed");
    });
}

SpiConnection::~SpiConnection() {
    // After an error the end of the (sub)transaction closes it (AtEOXact_SPI), when nothing uses
    // its memory any more.
    if (std::uncaught_exceptions() > exceptions_)
        return;
    call_in_destructor([] { SPI_finish(); });
}

Rows::~Rows() {
    call_in_destructor([this] { SPI_freetuptable(table_); });
}

Datum Rows::datum(std::size_t row, int column) const {
    bool is_null = false;
    return SPI_getbinval(table_->vals[row], table_->tupdesc, column, &is_null);
}

bool Rows::is_null(std::size_t row, int column) const {
    bool is_null = false;
    SPI_getbinval(table_->vals[row], table_->tupdesc, column, &is_null);
    return is_null;
}

bool Rows::boolean(std::size_t row, int column) const {
    return DatumGetBool(datum(row, column));
}

std::int32_t Rows::integer(std::size_t row, int column) const {
    return DatumGetInt32(datum(row, column));
}

Oid Rows::oid(std::size_t row, int column) const {
    return DatumGetObjectId(datum(row, column));
}

char Rows::character(std::size_t row, int column) const {
    return DatumGetChar(datum(row, column));
}

std::string Rows::string(std::size_t row, int column) const {
    const Datum value = datum(row, column);
    if (SPI_gettypeid(table_->tupdesc, column) == NAMEOID)
        return NameStr(*DatumGetName(value));
    char* const copy = call([=] { return TextDatumGetCString(value); });
    std::string result = copy;
    pfree(copy);
    return result;
}

Rows query(const char* sql, std::initializer_list<Parameter> parameters) {
    if (parameters.size() > max_parameters)
        throw PpmError{ERRCODE_INTERNAL_ERROR, "too many parameters for a query"};

    std::array<Oid, max_parameters> types{};
    std::array<Datum, max_parameters> values{};
    std::array<char, max_parameters> nulls{};
    std::size_t count = 0;
    for (const Parameter& parameter : parameters) {
        types[count] = parameter.type;
        values[count] = parameter.value;
        nulls[count++] = parameter.is_null ? 'n' : ' ';
    }

    call([&] {
        CommandCounterIncrement();
        PushActiveSnapshot(GetLatestSnapshot());
        const int result = SPI_execute_with_args(sql, static_cast<int>(count), types.data(),
                                                 values.data(), nulls.data(), true, 0);
        if (result != SPI_OK_SELECT)
            elog(ERROR, "query failed: %s", SPI_result_code_string(result));
        PopActiveSnapshot();
    });
    return Rows{SPI_tuptable, SPI_processed};
}

void execute(const std::string& statement) {
    call([&statement] {
        const int result = SPI_execute(statement.c_str(), false, 0);
        if (result < 0)
            elog(ERROR, "statement failed: %s", SPI_result_code_string(result));
    });
}

}  // namespace ppm
