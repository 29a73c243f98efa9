#include "pg/repartition/copy_rows.hpp"

#include "pg/bridge/guard.hpp"
#include "pg/bridge/role_path.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/scan.hpp"

namespace ppm {

namespace {

// Rows are inserted by the page, as COPY does it (CopyMultiInsertInfo in copyfrom.c): so many for
// each target, about a page full, and so many bytes for all.
constexpr int most_rows = 100;
constexpr Size most_bytes = Size{1024} * 1024;

// A target that is open for rows. The members are PostgreSQL's.
struct Destination {
    const JobTarget* target;
    Relation relation = nullptr;  // null until a row comes
    ResultRelInfo* rows = nullptr;
    TupleConversionMap* map = nullptr;               // null: the source has the same columns
    std::array<TupleTableSlot*, most_rows> slots{};  // made as they are needed
    int waiting = 0;                                 // in the first slots, to be inserted
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
    Size waiting_bytes = 0;
};

// May ereport.
void open(const Copy& copy, Destination& destination) {
    destination.relation = table_open(destination.target->relation, RowExclusiveLock);
    require_table(destination.relation);
    destination.rows = makeNode(ResultRelInfo);
    InitResultRelInfo(destination.rows, destination.relation, 0, nullptr, 0);
    // With what it takes to look for a row with the same unique key.
    ExecOpenIndices(destination.rows, true);
    destination.map = convert_tuples_by_name(RelationGetDescr(copy.source),
                                             RelationGetDescr(destination.relation));
}

void close(Destination& destination) {
    if (destination.relation == nullptr)
        return;
    for (TupleTableSlot* const slot : destination.slots)
        if (slot != nullptr)
            ExecDropSingleTupleTableSlot(slot);
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

// The row as the destination has it, in its next slot. May ereport.
TupleTableSlot* converted(Destination& destination, TupleTableSlot* row) {
    TupleTableSlot*& slot = destination.slots[destination.waiting];
    if (slot == nullptr)
        slot = table_slot_create(destination.relation, nullptr);
    // Constraints and generated columns may ask for it.
    slot->tts_tableOid = RelationGetRelid(destination.relation);
    if (destination.map == nullptr)
        ExecCopySlot(slot, row);
    else
        execute_attr_map_slot(destination.map->attrMap, row, slot);
    return slot;
}

// What ExecSimpleRelationInsert() (execReplication.c) does before it inserts. (The targets have no
// triggers but those of foreign keys, which come after.) May ereport.
void complete(const Copy& copy, Destination& destination, TupleTableSlot* row) {
    const TupleConstr* const constraints = RelationGetDescr(destination.relation)->constr;
    if (constraints == nullptr)
        return;
    if (constraints->has_generated_stored)
        ExecComputeStoredGenerated(destination.rows, copy.executor, row, CMD_INSERT);
    ExecConstraints(destination.rows, row, copy.executor);
}

// May ereport.
void insert_waiting(Copy& copy, Destination& destination) {
    if (destination.waiting == 0)
        return;
    // It leaves behind what it needed (table_multi_insert() in copyfrom.c).
    const MemoryContext before = MemoryContextSwitchTo(GetPerTupleMemoryContext(copy.executor));
    table_multi_insert(destination.relation, destination.slots.data(), destination.waiting,
                       GetCurrentCommandId(true), 0, nullptr);
    MemoryContextSwitchTo(before);
    for (TupleTableSlot* const row : std::span{destination.slots}.first(destination.waiting)) {
        ResetPerTupleExprContext(copy.executor);
        List* const unchecked = insert_into_indexes(destination.rows, row, copy.executor);
        ExecARInsertTriggers(copy.executor, destination.rows, row, unchecked, nullptr);
        list_free(unchecked);
        ExecClearTuple(row);
    }
    destination.waiting = 0;
}

// May ereport.
void insert_all_waiting(Copy& copy) {
    for (Destination& each : copy.ranges)
        insert_waiting(copy, each);
    if (copy.by_default != nullptr)
        insert_waiting(copy, *copy.by_default);
    copy.waiting_bytes = 0;
}

// Inserts the row, now or with those that follow. Returns whether it was not there yet. May
// ereport.
bool insert(Copy& copy, Destination& destination, TupleTableSlot* row) {
    if (destination.relation == nullptr)
        open(copy, destination);
    TupleTableSlot* const slot = converted(destination, row);
    ResetPerTupleExprContext(copy.executor);
    // The index does not know rows that wait.
    if (copy.may_repeat) {
        if (has_same_key(destination.rows, slot, copy.executor))
            return false;
        ExecSimpleRelationInsert(destination.rows, copy.executor, slot);
        return true;
    }
    complete(copy, destination, slot);
    // It must not keep a page of the source pinned while it waits.
    bool is_copy = false;
    HeapTuple const tuple = ExecFetchSlotHeapTuple(slot, true, &is_copy);
    copy.waiting_bytes += tuple->t_len;
    if (is_copy)
        heap_freetuple(tuple);
    if (++destination.waiting == most_rows)
        insert_waiting(copy, destination);
    if (copy.waiting_bytes >= most_bytes)
        insert_all_waiting(copy);
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
std::int64_t copy_all(Copy& copy, std::int64_t from, std::int64_t to, bool& has_stranger) {
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
    insert_all_waiting(copy);
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
        Copy copy{CreateExecutorState(), relation,
                  require_key_attribute(relation, table.key_column.c_str(), *table.key_type),
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
