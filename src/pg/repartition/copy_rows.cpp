#include "pg/repartition/copy_rows.hpp"

#include "pg/bridge/guard.hpp"
#include "pg/bridge/role_path.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/scan.hpp"

namespace ppm {

namespace {

// A target that is open for rows. The members are PostgreSQL's.
struct Destination {
    const JobTarget* target;
    Relation relation = nullptr;  // null until a row comes
    ResultRelInfo* rows = nullptr;
    TupleTableSlot* slot = nullptr;
    TupleConversionMap* map = nullptr;  // null: the source has the same columns
};

// What a copy works with.
struct Copy {
    EState* executor;
    Relation source;
    AttrNumber key;
    KeyType key_type;
    std::span<Destination> ranges;  // in the order of their bounds
    Destination* by_default;        // or null
    bool may_repeat;                // a target may have the row already
};

// May ereport.
void open(const Copy& copy, Destination& destination) {
    destination.relation = table_open(destination.target->relation, RowExclusiveLock);
    destination.rows = makeNode(ResultRelInfo);
    InitResultRelInfo(destination.rows, destination.relation, 0, nullptr, 0);
    // With what it takes to look for a row with the same unique key.
    ExecOpenIndices(destination.rows, true);
    destination.slot = table_slot_create(destination.relation, nullptr);
    destination.map = convert_tuples_by_name(RelationGetDescr(copy.source),
                                             RelationGetDescr(destination.relation));
}

void close(Destination& destination) {
    if (destination.relation == nullptr)
        return;
    ExecDropSingleTupleTableSlot(destination.slot);
    ExecCloseIndices(destination.rows);
    table_close(destination.relation, NoLock);
}

// Whether somebody has written to a source since the copying began. If not, no row can have moved
// to another page, so none is found twice, and looking for each in the index is spared. The keys
// stay noted until all rows are copied. May ereport.
bool is_written_to(const char* log) {
    const Relation table =
        table_open(get_relname_relid(log, get_namespace_oid("ppm", false)), AccessShareLock);
    const bool found = any_row(table, [](TupleTableSlot*) { return true; });
    table_close(table, AccessShareLock);
    return found;
}

// Null if the row belongs in none. May ereport.
Destination* destination_of(const Copy& copy, TupleTableSlot* row) {
    bool is_null = false;
    const Datum value = slot_getattr(row, copy.key, &is_null);
    if (is_null)
        return copy.by_default;
    const Bound key = bound_of_value(value, copy.key_type);
    const auto after = std::ranges::upper_bound(
        copy.ranges, key, {}, [](const auto& each) { return each.target->bounds.lower; });
    if (after != copy.ranges.begin() && key < std::prev(after)->target->bounds.upper)
        return &*std::prev(after);
    return copy.by_default;
}

// Returns whether the row was not there yet. May ereport.
bool insert(const Copy& copy, Destination& destination, TupleTableSlot* row) {
    if (destination.relation == nullptr)
        open(copy, destination);
    if (destination.map == nullptr)
        ExecCopySlot(destination.slot, row);
    else
        execute_attr_map_slot(destination.map->attrMap, row, destination.slot);
    ResetPerTupleExprContext(copy.executor);
    if (copy.may_repeat && has_same_key(destination.rows, destination.slot, copy.executor))
        return false;
    ExecSimpleRelationInsert(destination.rows, copy.executor, destination.slot);
    return true;
}

// May ereport.
TableScanDesc begin(Relation source, std::int64_t from, std::int64_t to) {
    if (source->rd_tableam->scan_set_tidrange == nullptr)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("table \"%s\" cannot be read page by page",
                               RelationGetRelationName(source)),
                        errdetail("Its access method does not have scans of ranges of tuples.")));
    ItemPointerData first;
    ItemPointerData last;
    ItemPointerSet(&first, static_cast<BlockNumber>(from), FirstOffsetNumber);
    ItemPointerSet(&last, static_cast<BlockNumber>(to - 1), MaxOffsetNumber);
    return begin_tid_range_scan(source, GetActiveSnapshot(), &first, &last);
}

// May ereport.
std::int64_t copy_all(const Copy& copy, std::int64_t from, std::int64_t to, bool& has_stranger) {
    std::int64_t count = 0;
    TupleTableSlot* const row = table_slot_create(copy.source, nullptr);
    const TableScanDesc scan = begin(copy.source, from, to);
    while (table_scan_getnextslot_tidrange(scan, ForwardScanDirection, row)) {
        CHECK_FOR_INTERRUPTS();
        Destination* const destination = destination_of(copy, row);
        has_stranger = destination == nullptr;
        if (has_stranger)
            break;
        count += insert(copy, *destination, row) ? 1 : 0;
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(row);
    return count;
}

}  // namespace

std::int64_t copy_rows(const ManagedParent& managed, const Job& job, const JobSource& source,
                       std::int64_t from, std::int64_t to, bool& has_stranger) {
    std::vector<Destination> ranges;
    std::optional<Destination> by_default;
    for (const JobTarget& target : job.targets)
        if (target.is_default)
            by_default.emplace(Destination{&target});
        else
            ranges.push_back(Destination{&target});
    std::ranges::sort(ranges, {},
                      [](const Destination& each) { return each.target->bounds.lower; });
    const Table& table = *managed.parent.table;
    const std::string log = job.log_name();
    // A call copies many batches, and its memory lives until its end.
    const WorkMemory memory{"ppm copy"};
    // Constraints and generated columns run their owner's code. The step goes on as ppm's owner.
    const RoleContext owner{table.owner, search_path_of(table.owner), INT_MAX};
    return call([&] {
        PushActiveSnapshot(GetLatestSnapshot());
        const Relation relation = table_open(source.partition.relation, AccessShareLock);
        const Copy copy{CreateExecutorState(), relation,
                        get_attnum(source.partition.relation, table.key_column.c_str()),
                        *table.key_type, ranges, by_default ? &*by_default : nullptr,
                        // (After the snapshot was taken.)
                        is_written_to(log.c_str())};
        AfterTriggerBeginQuery();
        const std::int64_t count = copy_all(copy, from, to, has_stranger);
        // Foreign keys are checked by triggers.
        AfterTriggerEndQuery(copy.executor);
        // It opens tables to call other triggers, too.
        ExecCloseResultRelations(copy.executor);
        ExecResetTupleTable(copy.executor->es_tupleTable, false);
        for (Destination& each : ranges)
            close(each);
        if (by_default)
            close(*by_default);
        FreeExecutorState(copy.executor);
        table_close(relation, NoLock);
        PopActiveSnapshot();
        CommandCounterIncrement();
        return count;
    });
}

}  // namespace ppm
