#include "pg/catalog/default_rows.hpp"

#include "pg/bridge/role_path.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/catalog/distributed_rows.hpp"
#include "pg/catalog/leading_index.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/scan.hpp"
#include "pg/catalog/tree.hpp"

namespace ppm {

namespace {

// A range in PostgreSQL's form. An edge of kind MINVALUE or MAXVALUE is an open end. Owns nothing.
struct Edge {
    PartitionRangeDatumKind kind;
    const char* text;
};

struct Range {
    const BoundRange& bounds;
    KeyType type;
    Edge lower;
    Edge upper;
};

constexpr int rows_between_looks_at_the_clock = 1000;

PartitionRangeDatumKind kind_of(const Bound& bound) {
    switch (bound.kind()) {
        case Bound::Kind::min_value:
            return PARTITION_RANGE_DATUM_MINVALUE;
        case Bound::Kind::max_value:
            return PARTITION_RANGE_DATUM_MAXVALUE;
        default:
            return PARTITION_RANGE_DATUM_VALUE;
    }
}

// May ereport.
Datum value_of(const Edge& edge, Oid type) {
    Oid input = InvalidOid;
    Oid parameter = InvalidOid;
    getTypeInputInfo(type, &input, &parameter);
    return OidInputFunctionCall(input, const_cast<char*>(edge.text), parameter, -1);
}

// May ereport.
List* range_datum(const Edge& edge, Form_pg_attribute column) {
    auto* const datum = makeNode(PartitionRangeDatum);
    datum->kind = edge.kind;
    datum->location = -1;
    if (edge.kind == PARTITION_RANGE_DATUM_VALUE)
        datum->value = reinterpret_cast<Node*>(
            makeConst(column->atttypid, column->atttypmod, column->attcollation, column->attlen,
                      value_of(edge, column->atttypid), false, column->attbyval));
    return list_make1(datum);
}

// Whether the default partition's constraints, which PostgreSQL evaluates, rule such rows out.
// Works like check_default_partition_contents() in partbounds.c. May ereport.
bool is_ruled_out(Oid parent_relation, Oid default_partition, const char* key, const Range& range) {
    const Relation parent = table_open(parent_relation, AccessShareLock);
    const Relation table = table_open(default_partition, AccessShareLock);
    const AttrNumber number = get_attnum(parent_relation, key);
    // (The fence of a default partition is planned without a lock.)
    if (number == InvalidAttrNumber)
        raise_key_changed(parent_relation);
    auto* const column = TupleDescAttr(RelationGetDescr(parent), number - 1);
    auto* const spec = makeNode(PartitionBoundSpec);
    spec->strategy = PARTITION_STRATEGY_RANGE;
    spec->lowerdatums = range_datum(range.lower, column);
    spec->upperdatums = range_datum(range.upper, column);
    spec->location = -1;
    List* const left = map_partition_varattnos(
        get_proposed_default_constraint(partition_constraint(table, parent, spec)), 1, table,
        parent);
    const bool is_ruled_out = PartConstraintImpliedByRelConstraint(table, left);
    table_close(table, NoLock);
    table_close(parent, NoLock);
    return is_ruled_out;
}

// May ereport.
int make_scan_keys(std::array<ScanKeyData, 2>& keys, Relation index, Oid type, const Range& range) {
    int count = 0;
    const auto add = [&](const Edge& edge, StrategyNumber strategy) {
        if (edge.kind != PARTITION_RANGE_DATUM_VALUE)
            return;
        const Oid operand = index->rd_opcintype[0];
        const Oid compare = get_opfamily_member(index->rd_opfamily[0], operand, operand,
                                                static_cast<int16>(strategy));
        ScanKeyEntryInitialize(&keys.at(static_cast<std::size_t>(count++)), 0, 1, strategy,
                               InvalidOid, index->rd_indcollation[0], get_opcode(compare),
                               value_of(edge, type));
    };
    add(range.lower, BTGreaterEqualStrategyNumber);
    add(range.upper, BTLessStrategyNumber);
    return count;
}

// May ereport.
InDefault by_index(Relation table, Relation index, Oid type, const Range& range,
                   const Deadline& deadline) {
    std::array<ScanKeyData, 2> keys;
    const int count = make_scan_keys(keys, index, type, range);
    const Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
    TupleTableSlot* const slot = table_slot_create(table, nullptr);
    const IndexScanDesc scan = begin_index_scan(table, index, snapshot, count);
    index_rescan(scan, keys.data(), count, nullptr, 0);
    InDefault found = InDefault::none;
    // There may be many dead rows.
    int rows = 0;
    while (found == InDefault::none && index_getnext_tid(scan, ForwardScanDirection) != nullptr) {
        CHECK_FOR_INTERRUPTS();
        if (index_fetch_heap(scan, slot))
            found = InDefault::some;
        else if (++rows % rows_between_looks_at_the_clock == 0 && deadline.has_passed())
            found = InDefault::unknown;
    }
    index_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    UnregisterSnapshot(snapshot);
    return found;
}

// May ereport.
InDefault by_reading(Relation table, AttrNumber attribute, const Range& range,
                     const Deadline& deadline) {
    InDefault found = InDefault::none;
    int rows = 0;
    any_row(table, [&](TupleTableSlot* slot) {
        bool is_null = false;
        const Datum value = slot_getattr(slot, attribute, &is_null);
        if (!is_null) {
            const Bound key = bound_of_value(value, range.type);
            if (range.bounds.lower <= key && key < range.bounds.upper)
                found = InDefault::some;
        }
        if (found == InDefault::none && ++rows % rows_between_looks_at_the_clock == 0 &&
            deadline.has_passed())
            found = InDefault::unknown;
        return found != InDefault::none;
    });
    return found;
}

// May ereport.
InDefault look_into(Relation table, const char* column, const Range& range,
                    const Deadline& deadline) {
    const AttrNumber attribute = key_attribute(table, column, range.type);
    // A foreign table, or a partitioned one. The table may also have changed since the plan was
    // made: a later step finds that out.
    if (attribute == InvalidAttrNumber)
        return InDefault::none;
    if (const Relation index = open_leading_index(table, attribute)) {
        const InDefault found = by_index(
            table, index, get_atttype(RelationGetRelid(table), attribute), range, deadline);
        index_close(index, AccessShareLock);
        return found;
    }
    return by_reading(table, attribute, range, deadline);
}

// Also looks into the tables below it. May ereport.
InDefault look(Oid default_partition, const char* column, const Range& range,
               const Deadline& deadline) {
    List* const tables = partition_tree(default_partition, AccessShareLock);
    InDefault found = InDefault::none;
    for (int i = 0; i < list_length(tables) && found == InDefault::none; ++i) {
        const Relation table = table_open(list_nth_oid(tables, i), NoLock);
        found = look_into(table, column, range, deadline);
        table_close(table, NoLock);
    }
    return found;
}

}  // namespace

InDefault look_into_default(const ManagedParent& managed, Oid default_partition,
                            const BoundRange& range, const Deadline& deadline) {
    const Table& table = *managed.parent.table;
    if (table.is_distributed)
        return distributed_has_rows(default_partition, table.key_column, *table.key_type, range)
                   ? InDefault::some
                   : InDefault::none;
    const std::string lower = bound_text(range.lower, *table.key_type, *managed.zone);
    const std::string upper = bound_text(range.upper, *table.key_type, *managed.zone);
    const Range sought{range,
                       *table.key_type,
                       {kind_of(range.lower), lower.c_str()},
                       {kind_of(range.upper), upper.c_str()}};
    const char* const key = table.key_column.c_str();
    {
        const RoleContext owner{table.owner, search_path_of(table.owner), statement_timeout()};
        if (call([&] { return is_ruled_out(table.relation, default_partition, key, sought); }))
            return InDefault::ruled_out;
    }
    // Reading rows runs nobody's code.
    return call([&] { return look(default_partition, key, sought, deadline); });
}

}  // namespace ppm
