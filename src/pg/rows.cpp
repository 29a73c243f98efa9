#include "pg/rows.hpp"

#include "pg/guard.hpp"
#include "pg/partition_bound.hpp"

namespace ppm {

namespace {

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

// Looks at the relation and all its partitions: `look` is asked about each table, with its kind.
// May ereport.
template <typename Look>
bool any_table(Oid relation, Look look) {
    LockRelationOid(relation, AccessShareLock);
    List* const tables = find_all_inheritors(relation, AccessShareLock, nullptr);
    for (int i = 0; i < list_length(tables); ++i) {
        const Relation table = table_open(list_nth_oid(tables, i), NoLock);
        const bool found = table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE && look(table);
        table_close(table, NoLock);
        if (found)
            return true;
    }
    return false;
}

bool is_foreign(Relation table) {
    return table->rd_rel->relkind == RELKIND_FOREIGN_TABLE;
}

}  // namespace

bool has_rows(Oid relation) {
    return call([=] {
        return any_table(relation, [](Relation table) {
            return is_foreign(table) || any_row(table, [](TupleTableSlot*) { return true; });
        });
    });
}

bool may_have_rows(Oid relation) {
    return !call([=] { return ConditionalLockRelationOid(relation, AccessShareLock); }) ||
           has_rows(relation);
}

bool has_rows_within(Oid relation, const std::string& column, KeyType type,
                     const BoundRange& range) {
    return call([&] {
        return any_table(relation, [&](Relation table) {
            if (is_foreign(table))
                return false;
            const AttrNumber attribute = get_attnum(RelationGetRelid(table), column.c_str());
            return any_row(table, [&](TupleTableSlot* slot) {
                bool is_null = false;
                const Datum value = slot_getattr(slot, attribute, &is_null);
                if (is_null)
                    return false;
                const Bound key = bound_of_value(value, type);
                return range.lower <= key && key < range.upper;
            });
        });
    });
}

}  // namespace ppm
