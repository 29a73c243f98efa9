// Must precede PostgreSQL's headers: without NLS they define macros for what <libintl.h> declares.
#include <filesystem>

#include "pg/catalog/size.hpp"

#include "pg/bridge/guard.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/distributed.hpp"
#include "pg/catalog/distributed_rows.hpp"
#include "pg/catalog/tree.hpp"

namespace ppm {

namespace {

constexpr std::int64_t unknown = -1;

// Locks the relation and adds it to `locked`; false if it cannot be locked at once. May ereport.
bool lock_if_free(Oid relation, List** locked) {
    if (!ConditionalLockRelationOid(relation, AccessShareLock))
        return false;
    *locked = lappend_oid(*locked, relation);
    return true;
}

// pg_total_relation_size() opens the table, its TOAST table and all their indexes, and waits for
// each. May ereport.
bool lock_all_if_free(Oid relation, List** locked) {
    if (!lock_if_free(relation, locked))
        return false;
    const Relation table = try_relation_open(relation, NoLock);
    if (table == nullptr)
        return false;
    bool free = true;
    if (table->rd_rel->relkind != RELKIND_FOREIGN_TABLE) {
        List* const indexes = RelationGetIndexList(table);
        for (int i = 0; free && i < list_length(indexes); ++i)
            free = lock_if_free(list_nth_oid(indexes, i), locked);
        list_free(indexes);
    }
    const Oid toast = table->rd_rel->reltoastrelid;
    relation_close(table, NoLock);
    return free && (!OidIsValid(toast) || lock_all_if_free(toast, locked));
}

// May ereport.
std::int64_t bytes_of(Oid relation) {
    List* locked = NIL;
    std::int64_t bytes = unknown;
    if (lock_all_if_free(relation, &locked))
        bytes =
            DatumGetInt64(DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(relation)));
    for (int i = 0; i < list_length(locked); ++i)
        UnlockRelationOid(list_nth_oid(locked, i), AccessShareLock);
    list_free(locked);
    return bytes;
}

// Any disk reads at least this much in a millisecond.
constexpr std::int64_t bytes_per_millisecond = std::int64_t{128} * 1024;

// The size of the relation and all below it, in bytes; without foreign tables. (A table on its own
// is not in its partition tree.)
constexpr char size_query[] =
    "SELECT coalesce(sum(pg_relation_size(t.relid)), 0)::bigint "
    "FROM (SELECT relid::oid FROM pg_partition_tree($1) UNION SELECT $1) AS t "
    "JOIN pg_class c ON c.oid = t.relid WHERE c.relkind = 'r'";

}  // namespace

bool takes_long_to_read(Oid relation) {
    return query(size_query, {oid_parameter(relation)}).value<std::int64_t>() >
           bytes_per_millisecond * lock_timeout();
}

std::optional<std::int64_t> total_bytes(Oid relation) {
    if (is_distributed(relation))
        return distributed_bytes(relation);
    const std::int64_t bytes = call([=] {
        List* const tables = partition_tree(relation);
        std::int64_t sum = tables == nullptr ? unknown : 0;
        for (int i = 0; i < list_length(tables) && sum != unknown; ++i) {
            const std::int64_t each = bytes_of(list_nth_oid(tables, i));
            sum = each == unknown ? unknown : sum + each;
        }
        list_free(tables);
        return sum;
    });
    return bytes == unknown ? std::nullopt : std::optional{bytes};
}

std::optional<std::int64_t> free_bytes(Oid relation) {
    if (is_distributed(relation))
        return std::nullopt;
    // A server process runs in its data directory (ChangeToDataDir()). A tablespace gets the
    // database's own directory with its first table there.
    const std::filesystem::path directory = call([=] {
        const Oid tablespace = get_rel_tablespace(relation);
        return GetDatabasePath(MyDatabaseId,
                               OidIsValid(tablespace) ? tablespace : MyDatabaseTableSpace);
    });
    std::error_code error;
    const auto space = std::filesystem::space(directory.parent_path(), error);
    if (error)
        return std::nullopt;
    return static_cast<std::int64_t>(space.available);
}

}  // namespace ppm
