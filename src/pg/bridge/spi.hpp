// Queries through SPI. Every name in them is looked up in the search_path: pin it first.
#pragma once

#include "core/grid/calendar.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/bridge/scope.hpp"

namespace ppm {

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

// The rows of a query. Columns count from 1. What the getters return is the caller's own. Where
// nobody has thought of a null they throw PpmError.
class Rows : Scope {
  public:
    explicit Rows(SPITupleTable* table, std::size_t count) : table_{table}, count_{count} {}
    ~Rows();

    std::size_t count() const { return count_; }

    bool is_null(std::size_t row, int column) const;
    bool boolean(std::size_t row, int column) const;
    std::int32_t integer(std::size_t row, int column) const;
    std::int64_t bigint(std::size_t row, int column) const;
    Oid oid(std::size_t row, int column) const;
    char character(std::size_t row, int column) const;

    // Of a column of type name or text.
    std::string string(std::size_t row, int column) const;

    // Of a column of type text[]; none for null and for elements that are null.
    std::vector<std::string> strings(std::size_t row, int column) const;

    // For what has no getter; lives as long as the rows.
    Datum datum(std::size_t row, int column) const;

  private:
    SPITupleTable* table_;
    std::size_t count_;
};

// Runs a query that reads, on a snapshot of now, which also sees what the transaction did before:
// under REPEATABLE READ the transaction's own snapshot would show a catalog of the past. Its plan
// is kept for the session, so its text must be one of a few. Throws PostgresError.
Rows query(const std::string& sql, std::initializer_list<Parameter> parameters = {});

// Runs a query that changes something. Its plan is kept. Throws PostgresError.
Rows query_to_change(const std::string& sql, std::initializer_list<Parameter> parameters = {});

// Runs a statement that changes something; returns how many rows it changed. Its plan is kept.
// Throws PostgresError.
std::size_t execute(const std::string& statement, std::initializer_list<Parameter> parameters = {});

// Runs a query that will hardly come again, as its text has names of relations in it, on the
// transaction's own snapshot. Throws PostgresError.
Rows query_once(const std::string& sql);

// Runs a statement that will hardly come again, as its text has names of relations in it. Throws
// PostgresError.
void execute_once(const std::string& statement);

}  // namespace ppm
