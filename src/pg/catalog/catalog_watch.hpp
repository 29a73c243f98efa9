// Whether a relation was changed since it was looked at: PostgreSQL then tells every session to
// forget what it has cached of it (CacheInvalidateRelcache() in inval.c).
#pragma once

#include <cstdint>
#include <vector>

#include "pg/bridge/postgres.hpp"

namespace ppm {

// A place in the order of these messages.
using CatalogMoment = std::uint64_t;

// The present one. A change of what is read after it has a later one. Throws PostgresError.
CatalogMoment catalog_moment();

// Whether nobody has changed any of the relations since. In doubt false. Throws PostgresError.
bool are_unchanged_since(CatalogMoment moment, const std::vector<Oid>& relations);

}  // namespace ppm
