// A partition's bounds between PostgreSQL's representation and ours.
#pragma once

#include "core/key/bound.hpp"
#include "core/key/key.hpp"
#include "core/plan/configuration.hpp"
#include "pg/catalog/time_zone.hpp"

namespace ppm {

// The KeyType of a PostgreSQL type, if ppm supports the type.
std::optional<KeyType> key_type_of(Oid type);

// The number of the key's column in a table that is locked, with rows of its own. The column and
// its type were read before the lock. InvalidAttrNumber if the table no longer has such a column,
// or has become a view (up to PostgreSQL 15). May ereport.
AttrNumber key_attribute(Relation table, const char* column, KeyType type);

// The same, but raises an error instead.
AttrNumber require_key_attribute(Relation table, const char* column, KeyType type);
[[noreturn]] void raise_key_changed(Oid table);

// A value of the key's type, not null, as a bound. May ereport.
Bound bound_of_value(Datum value, KeyType type);

// The bounds in pg_class.relpartbound (a pg_node_tree) of a RANGE partition on one column of type
// `type`; nothing for the default partition. Reads the node tree itself (PartitionBoundSpec,
// parsenodes.h), so that no setting affects it. Allocates in the current memory context. Throws
// PostgresError.
std::optional<BoundRange> read_partition_bound(Datum relpartbound, KeyType type);

// Whether the relation is a partition of the parent with these bounds now, and is not being
// detached. Throws PostgresError.
bool is_partition(RelationId relation, RelationId parent, KeyType type, const BoundRange& bounds);

// A bound as text that reads the same under every DateStyle and TimeZone (a timestamptz with its
// offset in `zone`), or MINVALUE or MAXVALUE; and back. Both throw PostgresError.
std::string bound_text(Bound bound, KeyType type, const ServerTimeZone& zone);
Bound bound_of_text(const std::string& text, KeyType type);

// The same as SQL writes it.
std::string bound_literal(Bound bound, KeyType type, const ServerTimeZone& zone);

}  // namespace ppm
