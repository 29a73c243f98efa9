// Queries through SPI. Every name in them is looked up in the search_path: pin it first. What takes
// parameters fails otherwise, so that nothing of ppm's finds somebody's operators.
#pragma once

#include "core/grid/calendar.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/bridge/scope.hpp"

namespace ppm {

// pg_temp last: a temporary table must not hide one of PostgreSQL's (CVE-2007-2138).
inline constexpr char pinned_path[] = "pg_catalog, pg_temp";

// A connection to SPI for as long as it lives. With `nonatomic`, transactions may end while it
// does.
class SpiConnection : Scope {
  public:
    explicit SpiConnection(bool nonatomic);
    ~SpiConnection();

  private:
    int exceptions_;
};

// A parameter of a query.
struct Parameter {
    Oid type;
    Datum value;
    bool is_null;
};

Parameter oid_parameter(std::optional<Oid> oid);
Parameter text_parameter(const std::optional<std::string>& value);
// An edge of a slot of civil time; null where there is none.
Parameter timestamp_parameter(const std::optional<Slot>& civil, Position Slot::*edge);
Parameter bigint_parameter(std::int64_t value);
Parameter text_array_parameter(const std::vector<std::string>& values);
Parameter oid_array_parameter(const std::vector<Oid>& oids);

// The rows of a query, read by type: one type for each column, in their order. A column is read as
//   bool, char, std::int16_t, std::int32_t, std::int64_t (also a timestamptz as PostgreSQL stores
//   it) or Oid; std::string (a type other than name and text is written as PostgreSQL shows it);
//   std::vector<std::string>, where it is a text[] (a null is an empty list, and nulls in it are
//   left out); Datum, which lives as long as the rows do; std::optional of one of these, where it
//   may be null.
// A null that is not expected, and a number of columns that is not the query's, throw PpmError.
class Rows : Scope {
  public:
    explicit Rows(SPITupleTable* table, std::size_t count) : table_{table}, count_{count} {}
    ~Rows();

    std::size_t count() const { return count_; }

    template <typename... Columns>
    std::vector<std::tuple<Columns...>> as() const& {
        require_columns(sizeof...(Columns));
        std::vector<std::tuple<Columns...>> result;
        result.reserve(count_);
        for (std::size_t row = 0; row < count_; ++row)
            result.push_back(tuple_at<Columns...>(row));
        return result;
    }

    template <typename... Columns>
    std::vector<std::tuple<Columns...>> as() && {
        static_assert(!(std::is_same_v<Columns, Datum> || ...), "a Datum outlives its rows");
        return std::as_const(*this).template as<Columns...>();
    }

    // The first row, if any, of a query that has one at most or of which only the first counts.
    template <typename... Columns>
    std::optional<std::tuple<Columns...>> first() const {
        require_columns(sizeof...(Columns));
        if (count_ == 0)
            return std::nullopt;
        return tuple_at<Columns...>(0);
    }

    // Of a query with one column.
    template <typename Column>
    std::optional<Column> first_value() const {
        require_columns(1);
        if (count_ == 0)
            return std::nullopt;
        return std::get<0>(tuple_at<Column>(0));
    }

    // The row of a query that always has one.
    template <typename... Columns>
    std::tuple<Columns...> row() const {
        require_columns(sizeof...(Columns));
        require_row();
        return tuple_at<Columns...>(0);
    }

    // The only column of that row.
    template <typename Column>
    Column value() const {
        return std::get<0>(row<Column>());
    }

    // The only column of each row.
    template <typename Column>
    std::vector<Column> values() const {
        require_columns(1);
        std::vector<Column> result;
        result.reserve(count_);
        for (std::size_t row = 0; row < count_; ++row)
            result.push_back(std::get<0>(tuple_at<Column>(row)));
        return result;
    }

    // A column by its name. If the table's version does not have it yet, std::optional is empty,
    // and anything else throws PpmError.
    template <typename Column>
    Column named(std::size_t row, const char* column) const {
        return read(row, column_named(column), std::type_identity<Column>{});
    }

  private:
    template <typename... Columns>
    std::tuple<Columns...> tuple_at(std::size_t row) const {
        return [&]<int... numbers>(std::integer_sequence<int, numbers...>) {
            return std::tuple<Columns...>{read(row, numbers + 1, std::type_identity<Columns>{})...};
        }
        (std::make_integer_sequence<int, sizeof...(Columns)>{});
    }

    template <typename Column>
    std::optional<Column> read(std::size_t row, int column,
                               std::type_identity<std::optional<Column>>) const {
        if (column == no_column || is_null(row, column))
            return std::nullopt;
        return read(row, column, std::type_identity<Column>{});
    }
    static constexpr int no_column = 0;
    int column_named(const char* name) const;
    bool is_null(std::size_t row, int column) const;
    bool read(std::size_t row, int column, std::type_identity<bool>) const;
    char read(std::size_t row, int column, std::type_identity<char>) const;
    std::int16_t read(std::size_t row, int column, std::type_identity<std::int16_t>) const;
    std::int32_t read(std::size_t row, int column, std::type_identity<std::int32_t>) const;
    std::int64_t read(std::size_t row, int column, std::type_identity<std::int64_t>) const;
    Oid read(std::size_t row, int column, std::type_identity<Oid>) const;
    Datum read(std::size_t row, int column, std::type_identity<Datum>) const;
    std::string read(std::size_t row, int column, std::type_identity<std::string>) const;
    std::vector<std::string> read(std::size_t row, int column,
                                  std::type_identity<std::vector<std::string>>) const;

    void require_columns(std::size_t count) const;
    void require_row() const;

    SPITupleTable* table_;
    std::size_t count_;
};

// Runs a read-only query on a new snapshot, which also sees the transaction's own changes: under
// REPEATABLE READ the transaction's snapshot would show an old catalog. The plan is kept for the
// session, so there must be few different texts. Throws PostgresError.
Rows query(const std::string& sql, std::initializer_list<Parameter> parameters = {});

// Runs a query that changes something. Its plan is kept. Throws PostgresError.
Rows query_to_change(const std::string& sql, std::initializer_list<Parameter> parameters = {});

// Runs a statement that changes something; returns how many rows it changed. Its plan is kept.
// Throws PostgresError.
std::size_t execute(const std::string& statement, std::initializer_list<Parameter> parameters = {});

// Runs a query without keeping its plan, because its text has names of relations, on the
// transaction's snapshot. Throws PostgresError.
Rows query_once(const std::string& sql);

// Runs a statement without keeping its plan, because its text has names of relations. Throws
// PostgresError. The statement of a table's owner sees the owner's search_path; one of ppm's own
// fails if its search_path is not pinned.
void execute_once(const std::string& statement);
void execute_own_once(const std::string& statement);

}  // namespace ppm
