// The configuration and the catalog as the core wants them: one query for all parents, one for all
// their partitions. Both read the catalog alone and take no lock on a parent or a partition; both
// need an SpiConnection and a pinned search_path, and throw PostgresError.
#pragma once

#include "core/deadline.hpp"
#include "core/plan/parent.hpp"
#include "pg/catalog/catalog_watch.hpp"
#include "pg/catalog/time_zone.hpp"

namespace ppm {

// Whether a question may be answered by a look into a table, under an ACCESS SHARE lock that is
// neither waited for nor kept, or by the catalog alone: then no partition is taken for empty, and
// the greatest key is looked for at the ends of indexes only.
enum class Look { into_tables, into_catalog };

// A parent with the time zone that its configuration names, if the server knows it.
struct ManagedParent {
    Parent parent;
    std::optional<ServerTimeZone> zone;

    // When it was read.
    CatalogMoment moment = 0;
    Deadline::Clock::time_point time = {};
};

// What the routines take for their argument `parent`.
inline std::optional<Oid> parent_argument(FunctionCallInfo fcinfo) {
    return PG_ARGISNULL(0) ? std::nullopt : std::optional{PG_GETARG_OID(0)};
}

// Whether this is ppm.config.
bool is_configuration(Relation relation);

// The configured parents by name, or only the one whose table is `relation`; throws PM001 if none
// is. Their partitions are not read yet.
std::vector<ManagedParent> read_parents(std::optional<Oid> relation);

// The one that is configured under this name, if any.
std::optional<ManagedParent> read_parent(const TableName& name);

// Throws 55000 if the parent is not configured any more as it was when it was read.
void require_same_configuration(const Parent& parent);

// Whether the relation is a partition of the parent with these bounds now, and is not being
// detached.
bool is_partition(RelationId relation, RelationId parent, KeyType type, const BoundRange& bounds);

// Throws 55000 if the partition's bounds are not any more what they were when it was read. Under a
// lock on it.
void require_same_bounds(const ManagedParent& managed, const Partition& partition);

// Reads the partitions, what was detached, and the greatest keys, of those parents that are valid.
void read_partitions(std::vector<ManagedParent>& parents, Look look = Look::into_tables);

// The same, for a call that has read these parents before: their rows of ppm.config are read anew,
// their partitions only if somebody may have changed them. A call looks at its parents several
// times, and mostly nobody has.
std::vector<ManagedParent> read_again(std::optional<Oid> relation,
                                      const std::vector<ManagedParent>& before);

// read_parents() and read_partitions() in one.
std::vector<ManagedParent> read_with_partitions(std::optional<Oid> relation,
                                                Look look = Look::into_tables);

}  // namespace ppm
