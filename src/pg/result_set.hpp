// The rows that a set-returning function gives.
#pragma once

#include "core/calendar.hpp"
#include "pg/postgres.hpp"

namespace ppm {

// A value of such a row: null, an integer, an OID, a text or name, a timestamp, an interval.
using Cell = std::variant<std::nullopt_t, std::int32_t, Oid, std::string, LocalTime,
                          std::chrono::microseconds>;

// A partition's name, or null where there is none.
Cell name_or_null(const std::string& name);

// Materialised in a tuplestore, as every version from 14 on takes it. Throws PostgresError.
class ResultSet {
  public:
    explicit ResultSet(FunctionCallInfo fcinfo);

    void add(std::initializer_list<Cell> cells);

  private:
    Tuplestorestate* rows_;
    TupleDesc descriptor_;
};

}  // namespace ppm
