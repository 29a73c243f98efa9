// The SQL that ppm executes, with every name quoted and qualified.
#pragma once

#include "pg/catalog.hpp"
#include "pg/postgres.hpp"

namespace ppm {

// A name as SQL writes it. Throws PostgresError.
std::string identifier(const std::string& name);
std::string qualified_identifier(const std::string& schema_name, const std::string& name);

// The statements that make the partition, in order. It is born as a table of its own and then
// attached: unlike CREATE TABLE ... PARTITION OF, that takes no ACCESS EXCLUSIVE lock on the
// parent.
std::vector<std::string> statements_for(const ManagedParent& managed,
                                        const CreatePartition& create);

// A query for whether the default partition holds rows of the range.
std::string rows_in_default_query(const ManagedParent& managed, const BoundRange& bounds);

}  // namespace ppm
