// Warns the writer of a configuration what the next cleanup would remove.
#pragma once

#include "core/plan/configuration.hpp"

namespace ppm {

// Warns if the table of that name has outdated partitions by its configuration: how many, from when
// to when, and about how many rows. Needs an SpiConnection and a pinned search_path. May throw
// PostgresError.
void warn_of_removals(const TableName& name);

}  // namespace ppm
