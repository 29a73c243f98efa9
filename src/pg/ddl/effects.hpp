// What a statement has done, asked of the catalog by OID before its transaction commits: a name
// that came to mean another relation undoes the step. Each throws 55000 if it is not what was to be
// done.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// The table of that name, which this transaction has created for the parent's owner.
RelationId require_created(const Parent& parent, const std::string& name);

// The relation is a partition of the parent with these bounds.
void require_attached(const ManagedParent& managed, RelationId relation, const BoundRange& bounds);

// The partition is none any more, and is still there.
void require_detached(RelationId partition);

// The table, which had that name when it was judged, is gone.
void require_dropped(RelationId table, const std::string& qualified_name);

// Policies that the partition has from its parent are for the same roles and use the same objects.
// Throws 42501, as what an owner may not do.
void require_same_policies(const Parent& parent, RelationId partition);

}  // namespace ppm
