#include "pg/catalog/index_end.hpp"

#include "pg/catalog/leading_index.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/scan.hpp"

namespace ppm {

namespace {

using Answer = GreatestInTable::Answer;

// The planner's limit, too (get_actual_variable_endpoint() in selfuncs.c).
constexpr int pages_in_a_look = 100;

std::int64_t integer_of(Datum value, Oid type) {
    switch (type) {
        case INT2OID:
            return DatumGetInt16(value);
        case INT4OID:
            return DatumGetInt32(value);
        default:
            return DatumGetInt64(value);
    }
}

// Whether there is time for the page of one more row, which may be dead.
class Pages {
  public:
    explicit Pages(const Patience& patience) : patience_{patience} {}

    bool visit(BlockNumber page) {
        if (page == last_)
            return true;
        last_ = page;
        if (++count_ <= pages_in_a_look)
            return true;
        return patience_ && (count_ % pages_in_a_look != 0 || !patience_->has_passed());
    }

  private:
    const Patience& patience_;
    BlockNumber last_ = InvalidBlockNumber;
    int count_ = 0;
};

// Not null, and below the limit.
int make_scan_keys(std::array<ScanKeyData, 2>& keys, std::optional<std::int64_t> limit, Oid type) {
    ScanKeyEntryInitialize(keys.data(), SK_ISNULL | SK_SEARCHNOTNULL, 1, InvalidStrategy,
                           InvalidOid, InvalidOid, InvalidOid, Datum{});
    if (!limit)
        return 1;
    const Oid less =
        get_opfamily_member(INTEGER_BTREE_FAM_OID, type, INT8OID, BTLessStrategyNumber);
    ScanKeyEntryInitialize(&keys[1], 0, 1, BTLessStrategyNumber, INT8OID, InvalidOid,
                           get_opcode(less), Int64GetDatum(*limit));
    return 2;
}

GreatestInTable at_end_of(Relation index, Relation table, AttrNumber attribute,
                          std::optional<std::int64_t> limit, const Patience& patience) {
    const Oid type = TupleDescAttr(RelationGetDescr(table), attribute - 1)->atttypid;
    const ScanDirection direction = (index->rd_indoption[0] & INDOPTION_DESC) != 0
                                        ? ForwardScanDirection
                                        : BackwardScanDirection;
    std::array<ScanKeyData, 2> keys;
    const int key_count = make_scan_keys(keys, limit, type);
    const Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    TupleTableSlot* const slot = table_slot_create(table, nullptr);
    const IndexScanDesc scan = begin_index_scan(table, index, snapshot, key_count);
    index_rescan(scan, keys.data(), key_count, nullptr, 0);

    GreatestInTable result;
    Pages pages{patience};
    while (const ItemPointer row = index_getnext_tid(scan, direction)) {
        CHECK_FOR_INTERRUPTS();
        if (!pages.visit(ItemPointerGetBlockNumber(row))) {
            result.answer = Answer::unknown;
            break;
        }
        if (index_fetch_heap(scan, slot)) {
            bool is_null = false;
            result = {Answer::found, integer_of(slot_getattr(slot, attribute, &is_null), type)};
            break;
        }
    }
    index_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    UnregisterSnapshot(snapshot);
    return result;
}

GreatestInTable by_reading(Relation table, AttrNumber attribute, std::optional<std::int64_t> limit,
                           const Deadline& deadline) {
    constexpr int rows_at_a_time = 10000;
    const Oid type = TupleDescAttr(RelationGetDescr(table), attribute - 1)->atttypid;
    GreatestInTable result;
    int rows = 0;
    const bool is_late = any_row(table, [&](TupleTableSlot* slot) {
        bool is_null = false;
        const Datum value = slot_getattr(slot, attribute, &is_null);
        const std::int64_t key = is_null ? 0 : integer_of(value, type);
        if (!is_null && (!limit || key < *limit) &&
            (result.answer == Answer::none || key > result.key))
            result = {Answer::found, key};
        return ++rows % rows_at_a_time == 0 && deadline.has_passed();
    });
    return is_late ? GreatestInTable{Answer::unknown} : result;
}

}  // namespace

GreatestInTable greatest_in_table(Relation table, const char* column, KeyType type,
                                  std::optional<std::int64_t> limit, const Patience& patience) {
    const AttrNumber attribute = key_attribute(table, column, type);
    if (attribute == InvalidAttrNumber)
        return {Answer::unknown};
    if (const Relation index = open_leading_index(table, attribute)) {
        const GreatestInTable result = at_end_of(index, table, attribute, limit, patience);
        index_close(index, AccessShareLock);
        return result;
    }
    if (patience)
        return by_reading(table, attribute, limit, *patience);
    return {RelationGetNumberOfBlocks(table) == 0 ? Answer::none : Answer::unknown};
}

}  // namespace ppm
