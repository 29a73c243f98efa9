// The rows that a set-returning function gives.
#pragma once

#include "core/key/position.hpp"
#include "pg/bridge/postgres.hpp"

namespace ppm {

// A value of such a row: null, an integer, an OID, a text or name, a timestamp (the
// position of a key that tells time), an interval.
using Cell = std::variant<std::nullopt_t, std::int32_t, Oid, std::string, Position,
                          std::chrono::microseconds>;

// A partition's name, or null where there is none.
Cell name_or_null(const std::string& name);

// An edge of a slot of civil time, or null where there is none.
Cell edge_or_null(const std::optional<Slot>& civil, Position Slot::*edge);

// Materialised in a tuplestore, as every version from 14 on takes it. Throws PostgresError.
class ResultSet {
  public:
    explicit ResultSet(FunctionCallInfo fcinfo);

    // The extension's objects may be older than the library: the last cells are left out if the
    // function has no columns for them.
    void add(std::initializer_list<Cell> cells);

  private:
    Tuplestorestate* rows_;
    TupleDesc descriptor_;
};

}  // namespace ppm
