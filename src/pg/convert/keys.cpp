#include "pg/convert/keys.hpp"

#include "core/deadline.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/catalog/leading_index.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rows.hpp"
#include "pg/catalog/scan.hpp"

namespace ppm {

namespace {

// Rows between two looks at the clock.
constexpr int rows_at_a_time = 10000;

struct End {
    bool has_row = false;
    bool is_null = false;
    std::optional<Bound> key = std::nullopt;
};

// The key at one end of the index. (The functions for indexes of system catalogs read any index,
// and are the same in all versions.) May ereport.
End end_of(Relation table, Relation index, AttrNumber attribute, KeyType type,
           ScanDirection direction) {
    const Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    const SysScanDesc scan = systable_beginscan_ordered(table, index, snapshot, 0, nullptr);
    End end;
    if (const HeapTuple row = systable_getnext_ordered(scan, direction); HeapTupleIsValid(row)) {
        end.has_row = true;
        const Datum value = heap_getattr(row, attribute, RelationGetDescr(table), &end.is_null);
        if (!end.is_null)
            end.key = bound_of_value(value, type);
    }
    systable_endscan_ordered(scan);
    UnregisterSnapshot(snapshot);
    return end;
}

// NULLs are at one end or the other, whatever the index's order is. May ereport.
void read_ends(Relation table, Relation index, AttrNumber attribute, KeyType type, Keys& keys) {
    for (const ScanDirection direction : {BackwardScanDirection, ForwardScanDirection}) {
        const End end = end_of(table, index, attribute, type, direction);
        keys.has_null = keys.has_null || (end.has_row && end.is_null);
        if (end.key && (!keys.greatest || *keys.greatest < *end.key))
            keys.greatest = end.key;
    }
    keys.are_known = true;
}

// May ereport.
void read_rows(Relation table, AttrNumber attribute, KeyType type, const Deadline& deadline,
               Keys& keys) {
    int rows = 0;
    keys.are_known = !any_row(table, [&](TupleTableSlot* slot) {
        bool is_null = false;
        const Datum value = slot_getattr(slot, attribute, &is_null);
        if (is_null) {
            keys.has_null = true;
        } else {
            const Bound key = bound_of_value(value, type);
            if (!keys.greatest || *keys.greatest < key)
                keys.greatest = key;
        }
        return ++rows % rows_at_a_time == 0 && deadline.has_passed();
    });
    if (!keys.are_known)
        keys.greatest.reset();
}

// May ereport.
void read_keys(Relation table, const char* column, KeyType type, const Deadline& deadline,
               Keys& keys) {
    const AttrNumber attribute = key_attribute(table, column, type);
    if (table->rd_rel->relkind != RELKIND_RELATION || attribute == InvalidAttrNumber ||
        table->rd_tableam != GetHeapamTableAmRoutine())
        return;
    keys.blocks = RelationGetNumberOfBlocks(table);
    const Relation index = open_leading_index(table, attribute);
    if (index == nullptr)
        return read_rows(table, attribute, type, deadline, keys);
    keys.has_index = true;
    read_ends(table, index, attribute, type, keys);
    index_close(index, AccessShareLock);
}

}  // namespace

void KeyGrowth::observe(const Keys& keys, Deadline::Clock::time_point now) {
    // Growth within a shorter time may be a burst.
    constexpr std::chrono::milliseconds shortest{500};
    if (!keys.greatest || keys.greatest->kind() != Bound::Kind::value || now - at_ < shortest)
        return;
    if (first_) {
        const std::chrono::duration<double> passed = now - at_;
        const auto grown =
            static_cast<double>(keys.greatest->integer()) - static_cast<double>(first_->integer());
        rate_ = std::max(rate_, grown / passed.count());
    }
    first_ = keys.greatest;
    at_ = now;
}

std::int64_t KeyGrowth::in(std::chrono::seconds duration) const {
    constexpr double most = 9e18;  // less than the greatest bigint
    return static_cast<std::int64_t>(std::min(most, rate_ * static_cast<double>(duration.count())));
}

Keys keys_of(Oid relation, const std::string& column, const KeyCodec& codec,
             std::chrono::milliseconds limit) {
    Keys keys;
    call([&] {
        keys.is_locked = !ConditionalLockRelationOid(relation, AccessShareLock);
        if (keys.is_locked)
            return;
        if (const Relation table = try_relation_open(relation, NoLock); table != nullptr) {
            read_keys(table, column.c_str(), codec.type(), Deadline{limit}, keys);
            relation_close(table, NoLock);
        }
        UnlockRelationOid(relation, AccessShareLock);
    });
    keys.without_time = key_without_time_at_a_glance(relation, column, codec);
    return keys;
}

}  // namespace ppm
