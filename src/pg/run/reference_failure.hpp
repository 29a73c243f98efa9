// Explains which rows refer to a partition and so keep it.
#pragma once

#include "pg/bridge/guard.hpp"
#include "pg/catalog/catalog.hpp"

namespace ppm {

struct ReferenceFailure {
    std::string rows;  // `these rows keep it: SELECT ...`
    std::string hint;
};

// Explains PostgreSQL's error about a partition that it did not detach; nothing if the error is
// about something else. Makes queries.
std::optional<ReferenceFailure> reference_failure(const Partition& partition, const Error& error);

}  // namespace ppm
