// PostgreSQL's headers, and the only place where PostgreSQL's versions differ.
//
// Include this after the standard headers of a file, and include nothing else of PostgreSQL: its
// macros (snprintf, gettext's `_`, Min, Max) break standard headers that come later.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

extern "C" {
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/reloptions.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/tupconvert.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_database.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "commands/sequence.h"
#include "commands/tablecmds.h"
#include "commands/tablespace.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqmq.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodes.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "partitioning/partbounds.h"
#include "pgstat.h"
#include "pgtime.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/logicalworker.h"
#include "replication/origin.h"
#include "replication/syncrep.h"
#include "storage/bufmgr.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/shm_mq.h"
#include "storage/shm_toc.h"
#include "storage/shmem.h"
#include "tcop/pquery.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"
#include "utils/varlena.h"
#include "utils/wait_event.h"
}

#if PG_VERSION_NUM < 140000
#error "ppm needs PostgreSQL 14 or newer"
#endif

// 18 and later have that collation, but no name for its OID.
#ifndef POSIX_COLLATION_OID
#define POSIX_COLLATION_OID 951
#endif

// pg_get_loaded_modules() knows the version.
#if PG_VERSION_NUM >= 180000
#define PPM_MODULE_MAGIC PG_MODULE_MAGIC_EXT(.name = "ppm", .version = PPM_VERSION)
#else
#define PPM_MODULE_MAGIC PG_MODULE_MAGIC
#endif

namespace ppm {

// Whether `role` has the rights of the relation's owner. May ereport.
inline bool is_owner(Oid relation, Oid role) {
#if PG_VERSION_NUM >= 160000
    return object_ownercheck(RelationRelationId, relation, role);
#else
    return pg_class_ownercheck(relation, role);
#endif
}

// Whether `member` may become `role`, as SET ROLE demands. Up to 15 that is the same as having its
// rights, or less; from 16 on a membership may give the one and not the other. May ereport.
inline bool may_act_as(Oid member, Oid role) {
#if PG_VERSION_NUM >= 160000
    return member_can_set_role(member, role);
#else
    return is_member_of_role(member, role);
#endif
}

// The same in a query: whether `member` has the rights of `role` and may become it, so that the
// code of the one may run as the other.
#if PG_VERSION_NUM >= 160000
#define PPM_MAY_BECOME "SET"
#else
#define PPM_MAY_BECOME "MEMBER"
#endif
#define PPM_IS_AS_GOOD_AS(member, role)                                             \
    "(pg_has_role(" member ", " role ", 'USAGE') AND pg_has_role(" member ", " role \
    ", '" PPM_MAY_BECOME "'))"

// Makes PostgreSQL warn of misspelt settings that begin with `prefix`. May ereport.
inline void reserve_setting_prefix(const char* prefix) {
#if PG_VERSION_NUM >= 150000
    MarkGUCPrefixReserved(prefix);
#else
    EmitWarningsOnPlaceholders(prefix);
#endif
}

// Memory for what a check hook hands to its assign hook; null if there is none. PostgreSQL frees
// it.
inline void* allocate_for_setting(Size size) {
#if PG_VERSION_NUM >= 160000
    return guc_malloc(LOG, size);
#else
    return malloc(size);
#endif
}

// Where the value that RESET would give a setting comes from. May ereport.
inline GucSource reset_source(std::string_view name) {
#if PG_VERSION_NUM >= 160000
    int count = 0;
    config_generic** const settings = get_guc_variables(&count);
#else
    config_generic** const settings = get_guc_variables();
    const int count = GetNumConfigOptions();
#endif
    for (int i = 0; i < count; ++i)
        if (name == settings[i]->name)
            return settings[i]->reset_source;
    elog(ERROR, "unrecognized setting: %s", name.data());
}

// Analyses and rewrites a statement without parameters. May ereport.
inline List* analyze(RawStmt* statement, const char* text) {
#if PG_VERSION_NUM >= 150000
    return pg_analyze_and_rewrite_fixedparams(statement, text, nullptr, 0, nullptr);
#else
    return pg_analyze_and_rewrite(statement, text, nullptr, 0, nullptr);
#endif
}

// Runs a portal to its end as a top-level statement. May ereport.
inline void run_portal(Portal portal) {
    QueryCompletion completion;
#if PG_VERSION_NUM >= 180000
    PortalRun(portal, FETCH_ALL, true, None_Receiver, None_Receiver, &completion);
#else
    PortalRun(portal, FETCH_ALL, true, true, None_Receiver, None_Receiver, &completion);
#endif
}

// Begins a sequential scan. May ereport.
inline TableScanDesc begin_scan(Relation table, Snapshot snapshot) {
#if PG_VERSION_NUM >= 190000
    return table_beginscan(table, snapshot, 0, nullptr, 0);
#else
    return table_beginscan(table, snapshot, 0, nullptr);
#endif
}

// Begins a scan of an index. May ereport.
inline IndexScanDesc begin_index_scan(Relation table, Relation index, Snapshot snapshot, int keys) {
#if PG_VERSION_NUM >= 190000
    return index_beginscan(table, index, snapshot, nullptr, keys, 0, 0);
#elif PG_VERSION_NUM >= 180000
    return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
    return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

// Begins a scan of the rows from one place to another. May ereport.
inline TableScanDesc begin_tid_range_scan(Relation table, Snapshot snapshot, ItemPointer first,
                                          ItemPointer last) {
#if PG_VERSION_NUM >= 190000
    return table_beginscan_tidrange(table, snapshot, first, last, 0);
#else
    return table_beginscan_tidrange(table, snapshot, first, last);
#endif
}

// Whether a table has a row with a unique key of this one. Its indexes are open for that
// (ExecOpenIndices()). May ereport.
inline bool has_same_key(ResultRelInfo* table, TupleTableSlot* row, EState* executor) {
    ItemPointerData found;
#if PG_VERSION_NUM >= 180000
    ItemPointerData itself;
    ItemPointerSetInvalid(&itself);
    return !ExecCheckIndexConstraints(table, row, executor, &found, &itself, nullptr);
#else
    return !ExecCheckIndexConstraints(table, row, executor, &found, nullptr);
#endif
}

// Puts a row that the table has got into its indexes. Returns those that are to be checked again at
// the end of the statement or transaction. May ereport.
inline List* insert_into_indexes(ResultRelInfo* table, TupleTableSlot* row, EState* executor) {
#if PG_VERSION_NUM >= 190000
    return ExecInsertIndexTuples(table, executor, 0, row, NIL, nullptr);
#elif PG_VERSION_NUM >= 160000
    return ExecInsertIndexTuples(table, row, executor, false, false, nullptr, NIL, false);
#else
    return ExecInsertIndexTuples(table, row, executor, false, false, nullptr, NIL);
#endif
}

// The storage parameters of one namespace (null: those of the table itself) as an array. May
// ereport.
inline Datum options_of(List* definitions, const char* name_space) {
#if PG_VERSION_NUM >= 180000
    static const char* const valid_name_spaces[] = HEAP_RELOPT_NAMESPACES;
    return transformRelOptions(Datum{}, definitions, name_space, valid_name_spaces, true, false);
#else
    char toast[] = "toast";
    char* valid_name_spaces[] = {toast, nullptr};
    return transformRelOptions(Datum{}, definitions, name_space, valid_name_spaces, true, false);
#endif
}

// Sends, and waits until there is room. May ereport.
inline shm_mq_result send(shm_mq_handle* queue, Size size, const void* data) {
#if PG_VERSION_NUM >= 150000
    return shm_mq_send(queue, size, data, false, true);
#else
    return shm_mq_send(queue, size, data, false);
#endif
}

// The replication origin of the session's writes: 0 unless it replays another server's changes.
inline auto replication_origin() {
#if PG_VERSION_NUM >= 190000
    return replorigin_xact_state.origin;
#else
    return replorigin_session_origin;
#endif
}

// The partition constraint for this bound. Before PostgreSQL 15 the function has one more argument.
// May ereport.
template <typename Function = decltype(&get_qual_from_partbound)>
List* partition_constraint(Relation partition, Relation parent, PartitionBoundSpec* spec,
                           Function function = &get_qual_from_partbound) {
    if constexpr (std::is_invocable_v<Function, Relation, PartitionBoundSpec*>)
        return function(parent, spec);
    else
        return function(partition, parent, spec);
}

// Flags of VACUUM's transactions, which see no rows.
inline constexpr int vacuum_flags = PROC_IS_AUTOVACUUM | PROC_IN_VACUUM;

// Whether each foreign key has triggers on both of its tables; one that is not enforced has none.
#if PG_VERSION_NUM >= 180000
inline constexpr bool foreign_keys_have_triggers = false;
#else
inline constexpr bool foreign_keys_have_triggers = true;
#endif

// Whether a foreign key has triggers on a partitioned table it refers to, not only on partitions.
#if PG_VERSION_NUM >= 150000
inline constexpr bool partitioned_tables_have_action_triggers = true;
#else
inline constexpr bool partitioned_tables_have_action_triggers = false;
#endif

// How to analyze a partitioned table. With ONLY, from 18 on, ANALYZE reads rows of all partitions
// but does not analyze each partition.
#if PG_VERSION_NUM >= 180000
inline constexpr const char* analyze_statement = "ANALYZE ONLY ";
#else
inline constexpr const char* analyze_statement = "ANALYZE ";
#endif

// In a worker: turns transaction_timeout off, so that only ppm's own limits apply.
inline void set_no_transaction_timeout() {
#if PG_VERSION_NUM >= 170000
    SetConfigOption("transaction_timeout", "0", PGC_SUSET, PGC_S_SESSION);
#endif
}

// Reserves shared memory of the server. Only from _PG_init(), while the server starts. May ereport.
template <Size bytes>
void reserve_shared_memory() {
#if PG_VERSION_NUM >= 150000
    static shmem_request_hook_type next = nullptr;
    next = shmem_request_hook;
    shmem_request_hook = [] {
        if (next != nullptr)
            next();
        RequestAddinShmemSpace(bytes);
    };
#else
    RequestAddinShmemSpace(bytes);
#endif
}

// Connects a worker to a database as a role. Up to 16 the role must have LOGIN. May ereport.
inline void connect_worker(Oid database, Oid role) {
#if PG_VERSION_NUM >= 170000
    BackgroundWorkerInitializeConnectionByOid(database, role, BGWORKER_BYPASS_ROLELOGINCHECK);
#else
    BackgroundWorkerInitializeConnectionByOid(database, role, 0);
#endif
}

#if PG_VERSION_NUM >= 170000
inline constexpr bool workers_need_login = false;
#else
inline constexpr bool workers_need_login = true;
#endif

// The flag of a worker that DROP DATABASE may end, if PostgreSQL has the flag.
#if PG_VERSION_NUM >= 190000
inline constexpr int interruptible_worker = BGWORKER_INTERRUPTIBLE;
#else
inline constexpr int interruptible_worker = 0;
#endif

// Only in the process of a background worker.
inline void ignore_signal(int signal) {
#if PG_VERSION_NUM >= 190000
    pqsignal(signal, PG_SIG_IGN);
#else
    pqsignal(signal, SIG_IGN);
#endif
}

}  // namespace ppm
