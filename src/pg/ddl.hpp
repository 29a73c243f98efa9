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

std::string attach_statement(const ManagedParent& managed, const std::string& schema_name,
                             const std::string& name, const BoundRange& bounds);

enum class Detach { plain, concurrently, finalize };
std::string detach_statement(const std::string& parent, const std::string& partition, Detach how);

// `kind` is the relation's pg_class.relkind.
std::string drop_statement(const std::string& partition, char kind);

// What any action executes, for people to read.
std::vector<std::string> statements_for(const ManagedParent& managed, const Action& action);

// The identifiers of both.
std::string parent_identifier(const Parent& parent);
std::string partition_identifier(const Partition& partition);

}  // namespace ppm
