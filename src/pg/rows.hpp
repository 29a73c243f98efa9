// Whether tables hold rows. Looks into them by itself: a query would have the planner evaluate
// index predicates and constraints, which may be somebody else's code, and policies could hide the
// rows.
#pragma once

#include "core/bound.hpp"
#include "core/key.hpp"
#include "pg/postgres.hpp"

namespace ppm {

// Whether the relation, or any partition of it, has a row that is visible now. A foreign table
// counts as having rows: only its server knows. Takes ACCESS SHARE locks. Throws PostgresError.
bool has_rows(Oid relation);

// The same, but for a relation that somebody has locked against readers: it counts as having rows,
// and is not waited for.
bool may_have_rows(Oid relation);

// Whether it has one whose `column`, a key of type `type`, lies in `range`. Foreign tables are
// passed over, as ATTACH PARTITION passes over them.
bool has_rows_within(Oid relation, const std::string& column, KeyType type,
                     const BoundRange& range);

}  // namespace ppm
