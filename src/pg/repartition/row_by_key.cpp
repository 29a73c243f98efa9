#include "pg/repartition/row_by_key.hpp"

namespace ppm {

namespace {

using ScanKeys = std::array<ScanKeyData, INDEX_MAX_KEYS>;

// Like build_replindex_scan_key() in execReplication.c.
void fill_scan_keys(ScanKeys& keys, Relation index, TupleTableSlot* wanted) {
    for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); ++i) {
        const Oid type = index->rd_opcintype[i];
        const Oid equal =
            get_opfamily_member(index->rd_opfamily[i], type, type, BTEqualStrategyNumber);
        bool is_null = false;
        const Datum value = slot_getattr(wanted, index->rd_index->indkey.values[i], &is_null);
        if (!OidIsValid(equal) || is_null)
            elog(ERROR, "could not look for a row by index %s", RelationGetRelationName(index));
        ScanKeyEntryInitialize(&keys[static_cast<std::size_t>(i)], 0,
                               static_cast<AttrNumber>(i + 1), BTEqualStrategyNumber, InvalidOid,
                               index->rd_indcollation[i], get_opcode(equal), value);
    }
}

}  // namespace

bool find_by_key(Relation table, Oid index, TupleTableSlot* wanted, TupleTableSlot* found) {
    const Relation opened = index_open(index, RowExclusiveLock);
    ScanKeys keys;
    fill_scan_keys(keys, opened, wanted);
    const int count = IndexRelationGetNumberOfKeyAttributes(opened);
    const IndexScanDesc scan = begin_index_scan(table, opened, SnapshotSelf, count);
    index_rescan(scan, keys.data(), count, nullptr, 0);
    const bool is_there = index_getnext_slot(scan, ForwardScanDirection, found);
    if (is_there)
        ExecMaterializeSlot(found);
    index_endscan(scan);
    index_close(opened, NoLock);
    return is_there;
}

bool have_same_key(Relation table, Oid index, HeapTuple one, HeapTuple other) {
    const TupleDesc descriptor = RelationGetDescr(table);
    const Relation opened = index_open(index, AccessShareLock);
    bool same = true;
    for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(opened) && same; ++i) {
        const AttrNumber number = opened->rd_index->indkey.values[i];
        bool was_null = false;
        bool is_null = false;
        const Datum before = heap_getattr(one, number, descriptor, &was_null);
        const Datum after = heap_getattr(other, number, descriptor, &is_null);
        const FormData_pg_attribute* const column = TupleDescAttr(descriptor, number - 1);
        same = !was_null && !is_null &&
               datum_image_eq(before, after, column->attbyval, column->attlen);
    }
    index_close(opened, NoLock);
    return same;
}

}  // namespace ppm
