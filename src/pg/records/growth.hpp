// ppm.growth: where the greatest keys of tables whose keys count were at the last runs. In a
// database whose objects are older than 1.1.0 there is no such table, and nothing is known.
//
// All of these need an SpiConnection and a pinned search_path, and throw PostgresError.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Records the parent's greatest key, unless there is none or it is a slip, and forgets all but the
// last runs.
void record_growth(const Parent& parent);

// Forgets tables that are not configured any more.
void prune_growth();

// How fast the keys have grown over the last runs. Nothing until two of them differ.
std::optional<double> keys_per_second(const Parent& parent);

}  // namespace ppm
