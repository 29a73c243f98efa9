// What a detached table and all that belongs to it look like in the catalog, but for its rows: two
// fingerprints differ if anybody has changed anything of it in between.
//
// Each takes a relation, and throws PostgresError.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// The fingerprint of now.
std::string fingerprint_of(Oid relation);

// Whether that one, whichever version of ppm wrote it, is the one of now.
bool is_fingerprint_of(Oid relation, const std::string& fingerprint);

// Whether it was written in this cluster: pg_upgrade writes every row of the catalog anew.
bool is_of_this_cluster(const std::string& fingerprint);

}  // namespace ppm
