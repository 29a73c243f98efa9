#include "pg/catalog/rows.hpp"

#include "pg/bridge/guard.hpp"
#include "pg/catalog/distributed.hpp"
#include "pg/catalog/distributed_rows.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/scan.hpp"
#include "pg/catalog/tree.hpp"

namespace ppm {

namespace {

// Calls `look` for each table that has rows itself, among the relation and all its partitions,
// until it returns true. Keeps its locks. May ereport.
template <typename Look>
bool any_table(Oid relation, Look look) {
    LockRelationOid(relation, AccessShareLock);
    List* const tables = partition_tree(relation, AccessShareLock);
    for (int i = 0; i < list_length(tables); ++i) {
        const Relation table = table_open(list_nth_oid(tables, i), NoLock);
        const bool found = table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE && look(table);
        table_close(table, NoLock);
        if (found)
            return true;
    }
    return false;
}

// The same, but waits for no lock and keeps none. Returns true at once if a table is locked. May
// ereport.
template <typename Look>
bool any_table_at_a_glance(Oid relation, Look look) {
    List* const tables = partition_tree(relation);
    for (int i = 0; i < list_length(tables); ++i) {
        const Oid each = list_nth_oid(tables, i);
        if (!ConditionalLockRelationOid(each, AccessShareLock))
            return true;
        const Relation table = try_relation_open(each, NoLock);
        const bool found =
            table != nullptr && table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE && look(table);
        if (table != nullptr)
            relation_close(table, NoLock);
        UnlockRelationOid(each, AccessShareLock);
        if (found)
            return true;
    }
    return false;
}

// Not a foreign table. Up to PostgreSQL 15, an empty table may also have become a view.
bool has_storage(Relation table) {
    return table->rd_tableam != nullptr;
}

// Whether the table keeps all its rows in a heap, so that a scan can prove that there are none. An
// access method that returns heap's own routine is heap under another name. May ereport.
bool is_plain_heap(Relation table) {
    return table->rd_rel->relkind == RELKIND_RELATION &&
           table->rd_tableam == GetHeapamTableAmRoutine();
}

// May ereport.
bool has_any_row(Relation table) {
    return !is_plain_heap(table) || any_row(table, [](TupleTableSlot*) { return true; });
}

// Whether `matches` is true of the key of any row. May ereport.
template <typename Matches>
bool any_key(Relation table, const char* column, KeyType type, Matches matches) {
    const AttrNumber attribute = key_attribute(table, column, type);
    // Skips a foreign table. The table may also have changed since the plan was made: a later step
    // finds that out.
    if (attribute == InvalidAttrNumber)
        return false;
    return any_row(table, [&](TupleTableSlot* slot) {
        bool is_null = false;
        const Datum value = slot_getattr(slot, attribute, &is_null);
        return !is_null && matches(bound_of_value(value, type));
    });
}

constexpr int rows_between_looks_at_the_clock = 1000;

// All rows of a table are of one kind, so a few rows tell.
constexpr int rows_looked_at = 100;

bool is_closed(Oid relation) {
    return call(
        [=] { return OidIsValid(get_relation_constraint_oid(relation, closed_to_rows, true)); });
}

// Whether one of the table's first keys tells no time; then `found` is it. May ereport.
bool is_without_time(Relation table, const char* column, const KeyCodec& codec,
                     std::optional<Bound>& found) {
    int looked_at = 0;
    any_key(table, column, codec.type(), [&](Bound key) {
        if (!codec.has_time(key))
            found = key;
        return found.has_value() || ++looked_at == rows_looked_at;
    });
    return found.has_value();
}

}  // namespace

bool has_rows(Oid relation) {
    if (is_distributed(relation))
        return distributed_has_rows(relation);
    return call([=] { return any_table(relation, has_any_row); });
}

bool may_have_rows(Oid relation) {
    if (is_distributed(relation))
        return distributed_has_rows(relation);
    return call([=] { return any_table_at_a_glance(relation, has_any_row); });
}

bool has_rows_since(Oid relation, const XidSnapshot& snapshot) {
    if (is_distributed(relation))
        return !is_closed(relation) && distributed_has_rows(relation);
    return call([&] {
        const std::uint64_t next = U64FromFullTransactionId(ReadNextFullTransactionId());
        return any_table(relation, [&](Relation table) {
            return has_storage(table) && any_row(table, [&](TupleTableSlot* slot) {
                       bool is_null = false;
                       const Datum xmin =
                           slot_getsysattr(slot, MinTransactionIdAttributeNumber, &is_null);
                       return !snapshot.shows(DatumGetTransactionId(xmin), next);
                   });
        });
    });
}

std::optional<Bound> key_without_time(Oid relation, const std::string& column,
                                      const KeyCodec& codec) {
    if (is_distributed(relation))
        return distributed_key_without_time(relation, column, codec);
    std::optional<Bound> found;
    call([&] {
        any_table(relation, [&](Relation table) {
            return is_without_time(table, column.c_str(), codec, found);
        });
    });
    return found;
}

std::optional<Bound> key_without_time_at_a_glance(Oid relation, const std::string& column,
                                                  const KeyCodec& codec) {
    if (is_distributed(relation))
        return distributed_key_without_time(relation, column, codec);
    std::optional<Bound> found;
    call([&] {
        any_table_at_a_glance(relation, [&](Relation table) {
            return is_without_time(table, column.c_str(), codec, found);
        });
    });
    return found;
}

std::vector<bool> which_may_have_rows(Oid relation, const std::string& column, KeyType type,
                                      const std::vector<BoundRange>& ranges,
                                      const Deadline& deadline) {
    if (is_distributed(relation)) {
        std::vector<bool> found;
        found.reserve(ranges.size());
        for (const BoundRange& range : ranges)
            found.push_back(distributed_has_rows(relation, column, type, range));
        return found;
    }
    std::vector<std::size_t> order(ranges.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, {}, [&](std::size_t i) { return ranges[i].lower; });
    std::vector<bool> found(ranges.size());
    std::size_t left = ranges.size();
    int rows = 0;
    const auto mark = [&](Bound key) {
        if (++rows % rows_between_looks_at_the_clock == 0 && deadline.has_passed())
            return true;
        const auto after = std::ranges::upper_bound(order, key, {},
                                                    [&](std::size_t i) { return ranges[i].lower; });
        if (after == order.begin() || key >= ranges[*std::prev(after)].upper ||
            found[*std::prev(after)])
            return false;
        found[*std::prev(after)] = true;
        return --left == 0;
    };
    call([&] {
        any_table_at_a_glance(
            relation, [&](Relation table) { return any_key(table, column.c_str(), type, mark); });
    });
    return found;
}

}  // namespace ppm
