// Whether tables hold rows. Looks into the tables itself, without a query: the planner would
// evaluate index predicates and constraints, which may be somebody else's code, and policies could
// hide the rows.
#pragma once

#include "core/deadline.hpp"
#include "core/key/bound.hpp"
#include "core/key/key.hpp"
#include "pg/bridge/postgres.hpp"
#include "pg/records/xid_snapshot.hpp"

namespace ppm {

// Whether the relation, or any partition of it, has a row that is visible now. For a table that
// Citus distributes see distributed_rows.hpp. Any other table that is not a plain heap counts as
// having rows: a foreign table, or a table of another access method. Takes ACCESS SHARE locks.
// Throws PostgresError.
bool has_rows(Oid relation);

// A key that tells no time, among the first rows of the relation and of each partition of it. Skips
// foreign tables. Takes ACCESS SHARE locks.
std::optional<Bound> key_without_time(Oid relation, const std::string& column,
                                      const KeyCodec& codec);

// The same for a mere look: waits for no lock and keeps none. A relation that is locked against
// readers counts as having rows. Its keys are not known, nor is what a locked default partition
// holds, or what comes after the deadline. The ranges do not overlap.
bool may_have_rows(Oid relation);
std::optional<Bound> key_without_time_at_a_glance(Oid relation, const std::string& column,
                                                  const KeyCodec& codec);
std::vector<bool> which_may_have_rows(Oid relation, const std::string& column, KeyType type,
                                      const std::vector<BoundRange>& ranges,
                                      const Deadline& deadline);

// The constraint that keeps all rows out of a detached table whose rows do not tell when they came.
inline constexpr const char* closed_to_rows = "ppm_closed_to_rows";

// Whether the relation has a visible row that was inserted or updated by a transaction which the
// snapshot does not show. Skips foreign tables: dropping one removes none of its rows.
bool has_rows_since(Oid relation, const XidSnapshot& snapshot);

}  // namespace ppm
