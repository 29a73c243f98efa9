// The SQL that ppm executes, with every name quoted and qualified.
#pragma once

#include "core/plan/planner.hpp"
#include "pg/bridge/postgres.hpp"
#include "pg/catalog/catalog.hpp"

namespace ppm {

// `<` as ppm's own constraints have it, which are created under the owner's search_path (see
// definitions.hpp). Qualified if that could find another one: PostgreSQL compares a varchar as
// text, unless there is an operator for varchar; and pg_catalog comes first, unless the path names
// it.
std::string comparison_operator(const Table& table, const char* name);

// `day < '2026-11-22'` and `day >= '2026-11-22'`, for such a constraint.
std::string below(const ManagedParent& managed, Bound bound);
std::string at_or_above(const ManagedParent& managed, Bound bound);

// A name, and a text, as SQL writes them.
std::string identifier(const std::string& name);
std::string literal(const std::string& text);

// The statements that create a partition, in order. They create a standalone table, give it its
// policies (see inherited_properties.hpp), attach it, and set its replica identity. Unlike CREATE
// TABLE ... PARTITION OF, this takes no ACCESS EXCLUSIVE lock on the parent.
std::vector<std::string> statements_for(const ManagedParent& managed,
                                        const CreatePartition& create);

std::string attach_statement(const ManagedParent& managed, const std::string& schema_name,
                             const std::string& name, const BoundRange& bounds);

// True for rows that lie in the bounds, as PostgreSQL's own constraint of a partition.
std::string bounds_condition(const ManagedParent& managed, const BoundRange& bounds);

// Keeps rows outside its bounds out of a partition that is to be dropped, by a constraint like the
// one that DETACH CONCURRENTLY leaves. NOT VALID, so existing rows are not scanned.
std::string fence_statement(const ManagedParent& managed, const Partition& partition);

// Closes a table that is to be dropped to all rows, if rows do not tell when they came; and opens
// it again.
std::string close_statement(const Partition& partition);
std::string open_statement(const Partition& partition);

enum class Detach { plain, concurrently, finalize };
std::string detach_statement(const Parent& parent, const Partition& partition, Detach how);

std::string drop_statement(const Partition& partition);

// What an action that changes partitions executes, for people to read.
std::vector<std::string> statements_for(const ManagedParent& managed, const Action& action);

}  // namespace ppm
