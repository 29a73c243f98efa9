// What is known of the keys in a table that is not partitioned yet.
#pragma once

#include "core/key/bound.hpp"
#include "core/key/key.hpp"
#include "pg/bridge/postgres.hpp"

namespace ppm {

struct Keys {
    bool are_known = false;  // or else nobody looked at all of them
    bool has_null = false;
    std::optional<Bound> greatest = std::nullopt;      // none: there is none, or it is not known
    std::optional<Bound> without_time = std::nullopt;  // one that tells no time, among the first
    std::uint64_t blocks = 0;                          // of the table
};

// Reads both ends of a btree index that leads with the column; without one, all rows, for `limit`
// at most. Runs nobody's code. Waits for no lock and keeps none: of a table that somebody has
// locked against readers nothing is known. Throws PostgresError.
Keys keys_of(Oid relation, const std::string& column, const KeyCodec& codec,
             std::chrono::milliseconds limit);

}  // namespace ppm
