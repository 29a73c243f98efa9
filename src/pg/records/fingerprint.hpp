// A fingerprint of a detached table and all that belongs to it, from the catalog and without its
// rows. Two fingerprints differ if anybody changed something in between.
//
// Each takes a relation, and throws PostgresError.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// The fingerprint of now.
std::string fingerprint_of(Oid relation);

// Whether the relation still has that fingerprint, whichever version of ppm wrote it.
bool is_fingerprint_of(Oid relation, const std::string& fingerprint);

// Whether it was written in this cluster: pg_upgrade gives every catalog row a new xmin.
bool is_of_this_cluster(const std::string& fingerprint);

}  // namespace ppm
