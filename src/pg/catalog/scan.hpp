// Reading a table's rows without the planner.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Looks for a row for which `matches`, a function without a destructor, is true, in one table with
// rows of its own. May ereport.
template <typename Matches>
bool any_row(Relation table, Matches matches) {
    const Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    TupleTableSlot* const slot = table_slot_create(table, nullptr);
    const TableScanDesc scan = begin_scan(table, snapshot);
    bool found = false;
    while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        found = matches(slot);
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    UnregisterSnapshot(snapshot);
    return found;
}

}  // namespace ppm
