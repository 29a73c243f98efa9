// The new tables: what is to be made, and how they are made.
#pragma once

#include "pg/repartition/job.hpp"
#include "pg/repartition/shape.hpp"
#include "pg/run/plan.hpp"

namespace ppm {

// What is to be moved. Looks at every row of the partitions that it is about. Throws PpmError if
// the plan cannot be executed.
MovePlan plan_move(const ManagedParent& managed, const Clock& clock, const MoveRange& range);

// SQL that is true of the rows that the target takes.
std::string condition_of(const ManagedParent& managed, const Job& job, const JobTarget& target);

// The same for a range of keys.
std::string condition_of(const ManagedParent& managed, const BoundRange& bounds);

// The same for a new default partition: what none of the other partitions takes, and none of the
// targets. Of the parent's partitions as they are read now.
std::string default_condition(const ManagedParent& managed, const Job& job);

// Inside a step. Locks what new partitions are made like, with the names that its definitions use:
// the parent, and its template, whose OID it returns. Throws 55000 if the template contradicts the
// parent.
std::optional<RelationId> lock_models(const ManagedParent& managed);

// Inside a step. Creates the target, with its matching key and its foreign keys.
void create_target(const ManagedParent& managed, const Job& job, JobTarget& target,
                   const MatchingKey& key);

// Inside a step. From here to the end of the transaction its name means it.
void keep_name(const JobTarget& target);

// Inside a step. Creates its other indexes, the template's too, and its statistics. (The template's
// triggers come with the swap: none fires for a copy.)
void complete_target(const ManagedParent& managed, const JobTarget& target, const MatchingKey& key);

// Inside a step. Switches the triggers of its foreign keys: off until it is to be a partition.
void set_foreign_key_triggers(const std::vector<Oid>& targets, bool enabled);

// The name of the constraint that says which rows the target takes.
inline constexpr char condition_name[] = "ppm_move";

}  // namespace ppm
