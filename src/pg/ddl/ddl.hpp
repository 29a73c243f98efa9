// The SQL that ppm executes, with every name quoted and qualified.
#pragma once

#include "core/plan/planner.hpp"
#include "pg/bridge/postgres.hpp"
#include "pg/catalog/catalog.hpp"

namespace ppm {

// A name, and a text, as SQL writes them.
std::string identifier(const std::string& name);
std::string literal(const std::string& text);

// The statements that make the table that is to be the partition, in order. It is born as a table
// of its own, gets its policies (see inherited_properties.hpp), is attached, and gets its replica
// identity: unlike CREATE TABLE ... PARTITION OF, that takes no ACCESS EXCLUSIVE lock on the
// parent.
std::vector<std::string> statements_for(const ManagedParent& managed,
                                        const CreatePartition& create);

std::string attach_statement(const ManagedParent& managed, const std::string& schema_name,
                             const std::string& name, const BoundRange& bounds);

// Keeps rows of another time out of what is to be dropped, as what DETACH CONCURRENTLY leaves
// behind does; without a look at the rows that are there.
std::string fence_statement(const ManagedParent& managed, const Partition& partition);

// Keeps all rows out of what is to be dropped, where a row does not tell when it came; and takes
// them in again.
std::string close_statement(const Partition& partition);
std::string open_statement(const Partition& partition);

enum class Detach { plain, concurrently, finalize };
std::string detach_statement(const Parent& parent, const Partition& partition, Detach how);

std::string drop_statement(const Partition& partition);

// What an action that changes partitions executes, for people to read.
std::vector<std::string> statements_for(const ManagedParent& managed, const Action& action);

}  // namespace ppm
