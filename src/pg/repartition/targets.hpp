// The new tables: what is to be made, and how they are made.
#pragma once

#include "pg/repartition/job.hpp"
#include "pg/repartition/shape.hpp"
#include "pg/run/plan.hpp"

namespace ppm {

// Plans the move. Reads every row of the partitions concerned. Throws PpmError if the plan cannot
// be executed.
MovePlan plan_move(const ManagedParent& managed, const Clock& clock, const MoveRange& range);

// SQL condition that is true for the rows of the target.
std::string condition_of(const ManagedParent& managed, const Job& job, const JobTarget& target);

// Runs inside a step. Locks the parent and its template, which new partitions are made like, and
// the names that their definitions use. Returns the template's OID. Throws 55000 if the template
// contradicts the parent.
std::optional<RelationId> lock_models(const ManagedParent& managed);

// Inside a step. Creates the target, with its matching key and its foreign keys.
void create_target(const ManagedParent& managed, const Job& job, JobTarget& target,
                   const MatchingKey& key);

// Inside a step. Until the end of the transaction, nobody can rename the target.
void keep_name(const JobTarget& target);

// Inside a step. Creates the target's other indexes, also those of the template, and its
// statistics. (The swap adds the template's triggers: none must fire for a copy.)
void complete_target(const ManagedParent& managed, const JobTarget& target, const MatchingKey& key);

// Inside a step. Enables the targets' own triggers of their foreign keys, for the swap. Until then
// they are disabled, and so are those on the referenced tables.
void enable_foreign_key_triggers(const std::vector<Oid>& targets);

// Inside a step. Disables those that are enabled again: PostgreSQL makes some for each new
// partition of a referenced table, and somebody may enable all triggers of such a table. Waits for
// locks on those tables, for ppm.lock_timeout in all.
void disable_new_foreign_key_triggers(const std::vector<Oid>& targets);

// How long (milliseconds) ppm waits for a target that somebody has locked. Writers wait behind it,
// and if they have to give up, the move must begin again (write_through.cpp).
inline constexpr int longest_wait_for_target = 250;

// The name of the constraint that says which rows the target takes.
inline constexpr char condition_name[] = "ppm_move";

}  // namespace ppm
