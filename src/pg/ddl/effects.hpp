// Checks in the catalog, by OID, what a statement has done, before its transaction commits: if a
// name has come to mean another relation, the step is undone. Each function throws 55000 if the
// statement has not done what it was to do.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// The table of that name, which this transaction has created for the parent's owner.
RelationId require_created(const Parent& parent, const std::string& name);

// The relation is a partition of the parent with these bounds.
void require_attached(const ManagedParent& managed, RelationId relation, const BoundRange& bounds);

// The partition is no longer a partition, and still exists.
void require_detached(RelationId partition);

// The table, which had that name when it was judged, is gone.
void require_dropped(RelationId table, const std::string& qualified_name);

// Policies that the partition has from its parent are for the same roles and use the same objects.
// Throws 42501, as what an owner may not do.
void require_same_policies(const Parent& parent, RelationId partition);

}  // namespace ppm
