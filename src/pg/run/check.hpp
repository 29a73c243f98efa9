// The core's check of a parent, made with what this server can tell.
#pragma once

#include "pg/run/plan.hpp"

namespace ppm {

// The parents with all that a check needs of them.
std::vector<ManagedParent> read_for_check(std::optional<Oid> relation,
                                          Look look = Look::into_tables);

// What a check needs besides, of parents whose partitions are read.
std::vector<ManagedParent> read_rest_for_check(std::vector<ManagedParent> parents);

// What is wrong with the parent's configuration or, if nothing is, with its partitions. With
// Look::into_catalog, rows in the default partition and the reasons of past failures stay unknown.
// Needs an SpiConnection and a pinned search_path; works in a read-only transaction and on a
// standby. Throws PostgresError.
std::vector<Anomaly> check(const ManagedParent& managed, const Clock& clock,
                           Look look = Look::into_tables);

}  // namespace ppm
