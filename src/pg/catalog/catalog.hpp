// The configuration and the catalog as the core wants them: one query for all rows of ppm.config,
// whose tables come from the catalog caches, and one for all partitions. All read the catalog alone
// and take no lock on a parent or a partition. They need an SpiConnection and a pinned search_path,
// and throw PostgresError.
#pragma once

#include "core/deadline.hpp"
#include "core/plan/parent.hpp"
#include "pg/catalog/catalog_watch.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/table.hpp"
#include "pg/catalog/time_zone.hpp"

namespace ppm {

// into_tables: a question may be answered by a look into a table, under an ACCESS SHARE lock that
// is neither waited for nor kept. into_catalog: by the catalog alone. Then no partition counts as
// empty, and the greatest key is searched only at the ends of indexes.
enum class Look { into_tables, into_catalog };

// A parent with the time zone that its configuration names, if the server knows it.
struct ManagedParent {
    Parent parent;
    std::optional<ServerTimeZone> zone;
    CommonProperties common = {};
    // Whether read_differences() has to look closer at the partitions.
    bool may_have_differences = false;

    // When it was read.
    CatalogMoment moment = 0;
    Deadline::Clock::time_point time = {};
};

// The argument `parent` of the routines.
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

// Throws 55000 if the parent's configuration has changed since it was read.
void require_same_configuration(const Parent& parent);

// Throws 55000 if the partition's bounds have changed since it was read. Needs a lock on the
// partition.
void require_same_bounds(const ManagedParent& managed, const Partition& partition);

// Reads the partitions, what was detached, and the greatest keys, of those parents that are valid.
void read_partitions(std::vector<ManagedParent>& parents, Look look = Look::into_tables);

// The same for a call that has read these parents before. It reads their rows of ppm.config again,
// but their partitions only if somebody may have changed them: a call reads its parents several
// times, and mostly nothing changes.
std::vector<ManagedParent> read_again(std::optional<Oid> relation,
                                      const std::vector<ManagedParent>& before);

// read_parents() and read_partitions() in one.
std::vector<ManagedParent> read_with_partitions(std::optional<Oid> relation,
                                                Look look = Look::into_tables);

}  // namespace ppm
