// Where detached tables move, and from where they come back.
#pragma once

#include "pg/run/plan.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// Why nothing of the parent can be moved into its archive_schema, if so. Throws PostgresError.
std::optional<Anomaly> archive_problem(const Parent& parent);

// Whether the schema has a relation or a type with the name of the table, or of something that
// would move with it. Throws PostgresError.
bool is_taken_in(const std::string& schema_name, const Partition& partition);

// The statements that move the table, and all below it, for people to read.
std::vector<std::string> move_statements(const Partition& partition,
                                         const std::string& schema_name);

// Both run inside a step that has locked the table, and its entry in ppm.detached.

// Moves the table, and all below it. Throws 55000 if they are not in the schema afterwards.
void move_to_archive(const ManagedParent& managed, const Partition& partition,
                     const std::string& schema_name);

// Moves the table back if it was moved, its name is free there, and the owner may create tables
// there. Returns the table with its current name.
Partition bring_home(const ManagedParent& managed, const Partition& partition);

}  // namespace ppm
