// Whether tables hold rows. Looks into them by itself: a query would have the planner evaluate
// index predicates and constraints, which may be somebody else's code, and policies could hide the
// rows.
#pragma once

#include "core/deadline.hpp"
#include "core/key/bound.hpp"
#include "core/key/key.hpp"
#include "pg/bridge/postgres.hpp"
#include "pg/records/xid_snapshot.hpp"

namespace ppm {

// Whether the relation, or any partition of it, has a row that is visible now. A table that Citus
// distributes is asked (see distributed_rows.hpp); what else is not a plain heap table counts as
// having rows: a foreign table, one of another access method. Takes ACCESS SHARE locks. Throws
// PostgresError.
bool has_rows(Oid relation);

// A key of the first rows of the relation, and of each partition of it, that tells no time. Foreign
// tables are passed over. Takes ACCESS SHARE locks.
std::optional<Bound> key_without_time(Oid relation, const std::string& column,
                                      const KeyCodec& codec);

// The same for those who only want to look: no lock is waited for, none is kept. A relation that
// somebody has locked against readers counts as having rows; of the keys of one, and of such
// a default partition, nothing is known, nor of what comes after the deadline. The ranges do not
// overlap.
bool may_have_rows(Oid relation);
std::optional<Bound> key_without_time_at_a_glance(Oid relation, const std::string& column,
                                                  const KeyCodec& codec);
std::vector<bool> which_may_have_rows(Oid relation, const std::string& column, KeyType type,
                                      const std::vector<BoundRange>& ranges,
                                      const Deadline& deadline);

// The constraint that keeps all rows out of a detached table whose rows do not tell when they came.
inline constexpr const char* closed_to_rows = "ppm_closed_to_rows";

// Whether it has a visible row that a transaction put there which the snapshot does not show, if
// only by an UPDATE. Foreign tables are passed over: to drop one removes none of its rows.
bool has_rows_since(Oid relation, const XidSnapshot& snapshot);

}  // namespace ppm
