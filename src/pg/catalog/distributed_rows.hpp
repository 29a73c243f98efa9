// Questions about the rows of tables that Citus distributes. A scan of such a table's own heap
// finds none, so they are asked by SQL, as the table's owner in a security-restricted context, for
// ppm.statement_timeout at most. All but distributed_bytes() need an SpiConnection; they throw only
// what ends the call.
#pragma once

#include "core/key/bound.hpp"
#include "core/key/key.hpp"
#include "pg/bridge/postgres.hpp"

namespace ppm {

// Whether the relation has a row. True if that cannot be asked, e.g. because a server is down.
bool distributed_has_rows(Oid relation);

// The same for rows of the range.
bool distributed_has_rows(Oid relation, const std::string& column, KeyType type,
                          const BoundRange& range);

// A key among the first rows that tells no time; nothing if a server cannot be asked.
std::optional<Bound> distributed_key_without_time(Oid relation, const std::string& column,
                                                  const KeyCodec& codec);

// The greatest key below the limit, of a table whose keys count. False: a server cannot be asked.
bool find_distributed_key(Oid relation, const std::string& column,
                          std::optional<std::int64_t> limit, std::optional<std::int64_t>& key);

// Bytes of all its shards with their indexes; nothing where a server cannot be asked.
std::optional<std::int64_t> distributed_bytes(Oid relation);

}  // namespace ppm
