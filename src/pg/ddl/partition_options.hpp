// ppm.config.partition_options: the storage parameters of new partitions, each as
// pg_class.reloptions has it, `name=value` or `toast.name=value`. A partitioned table cannot have
// them itself.
#pragma once

#include <string>
#include <vector>

namespace ppm {

// Has PostgreSQL's own code look at them. Throws what it throws (22023).
void require_valid_options(const std::vector<std::string>& options);

// ` WITH (name = 'value', ...)`, or nothing.
std::string with_clause(const std::vector<std::string>& options);

}  // namespace ppm
