// Why rows that refer to a partition keep it, and which they are.
#pragma once

#include "pg/bridge/guard.hpp"
#include "pg/catalog/catalog.hpp"

namespace ppm {

struct ReferenceFailure {
    std::string rows;  // `these rows keep it: SELECT ...`
    std::string hint;
};

// What PostgreSQL's error says of the partition that it did not detach; nothing where the error is
// about something else. Makes queries.
std::optional<ReferenceFailure> reference_failure(const Partition& partition, const Error& error);

}  // namespace ppm
