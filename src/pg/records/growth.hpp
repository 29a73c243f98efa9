// ppm.growth: the greatest keys of tables whose keys count, at the last runs. Databases whose
// extension objects are older than 1.1.0 lack this table: there, nothing is known.
//
// All of these need an SpiConnection and a pinned search_path, and throw PostgresError.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Records the parent's greatest key, unless there is none or it has jumped ahead, and forgets all
// but the last runs.
void record_growth(const Parent& parent);

// Forgets tables that are not configured any more.
void prune_growth();

// How fast the keys have grown over the last runs. Nothing until two of them differ.
std::optional<double> keys_per_second(const Parent& parent);

}  // namespace ppm
