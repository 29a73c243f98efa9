// Reading tables and catalogs without the planner.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Raises an error unless the relation has rows of its own: up to PostgreSQL 15, an empty table may
// become a view before it is locked.
inline void require_table(Relation relation) {
    if (relation->rd_rel->relkind != RELKIND_RELATION)
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE),
                 errmsg("\"%s\" is not a table any longer", RelationGetRelationName(relation))));
}

// Looks for a row for which `matches`, a function without a destructor, is true, in one table with
// rows of its own. Sees what is committed, or what the snapshot shows. May ereport.
template <typename Matches>
bool any_row(Relation table, Matches matches, Snapshot shown = nullptr) {
    const Snapshot snapshot = shown == nullptr ? RegisterSnapshot(GetLatestSnapshot()) : shown;
    TupleTableSlot* const slot = table_slot_create(table, nullptr);
    const TableScanDesc scan = begin_scan(table, snapshot);
    bool found = false;
    while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        found = matches(slot);
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    if (shown == nullptr)
        UnregisterSnapshot(snapshot);
    return found;
}

// Calls visit(tuple), a function without a destructor, for the rows of a catalog whose columns have
// these OIDs, by an index that begins with them. May ereport.
template <std::size_t count, typename Visit>
void each_row(Oid catalog, Oid index, const std::array<std::pair<AttrNumber, Oid>, count>& columns,
              Visit visit) {
    std::array<ScanKeyData, count> keys;
    for (std::size_t i = 0; i < count; ++i)
        ScanKeyInit(&keys[i], columns[i].first, BTEqualStrategyNumber, F_OIDEQ,
                    ObjectIdGetDatum(columns[i].second));
    const Relation table = table_open(catalog, AccessShareLock);
    const SysScanDesc scan =
        systable_beginscan(table, index, true, nullptr, static_cast<int>(count), keys.data());
    for (HeapTuple tuple = systable_getnext(scan); HeapTupleIsValid(tuple);
         tuple = systable_getnext(scan))
        visit(tuple);
    systable_endscan(scan);
    table_close(table, AccessShareLock);
}

template <typename Visit>
void each_row(Oid catalog, Oid index, AttrNumber column, Oid value, Visit visit) {
    each_row(catalog, index, std::array{std::pair{column, value}}, visit);
}

// Whether there is one. May ereport.
inline bool has_row(Oid catalog, Oid index, AttrNumber column, Oid value) {
    bool found = false;
    each_row(catalog, index, column, value, [&](HeapTuple) { found = true; });
    return found;
}

}  // namespace ppm
