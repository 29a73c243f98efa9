#include "pg/repartition/plain_move.hpp"

#include "pg/bridge/role_path.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/scan.hpp"

namespace ppm {

namespace {

// For each column of the target, its number in the source; 0: it was dropped. May ereport.
AttrNumber* columns_of(Relation source, Relation target) {
    const TupleDesc ours = RelationGetDescr(target);
    auto* const numbers =
        static_cast<AttrNumber*>(palloc0(sizeof(AttrNumber) * static_cast<Size>(ours->natts)));
    for (int i = 0; i < ours->natts; ++i) {
        const FormData_pg_attribute* const column = TupleDescAttr(ours, i);
        if (column->attisdropped)
            continue;
        numbers[i] = get_attnum(RelationGetRelid(source), NameStr(column->attname));
        if (numbers[i] == InvalidAttrNumber ||
            get_atttype(RelationGetRelid(source), numbers[i]) != column->atttypid)
            elog(ERROR, "column %s was altered", NameStr(column->attname));
    }
    return numbers;
}

// Writes like logical replication does, but fires no triggers. May ereport.
class RowMove {
  public:
    RowMove(Relation source, Relation target)
        : source_{source},
          state_{CreateExecutorState()},
          result_{makeNode(ResultRelInfo)},
          slot_{table_slot_create(target, &state_->es_tupleTable)},
          columns_{columns_of(source, target)} {
        InitResultRelInfo(result_, target, 0, nullptr, 0);
        result_->ri_TrigDesc = nullptr;
        ExecOpenIndices(result_, false);
    }

    void move(TupleTableSlot* row) const {
        ExecClearTuple(slot_);
        for (int i = 0; i < slot_->tts_tupleDescriptor->natts; ++i) {
            slot_->tts_isnull[i] = true;
            if (columns_[i] != InvalidAttrNumber)
                slot_->tts_values[i] = slot_getattr(row, columns_[i], &slot_->tts_isnull[i]);
        }
        ExecStoreVirtualTuple(slot_);
        ExecSimpleRelationInsert(result_, state_, slot_);
        simple_table_tuple_delete(source_, &row->tts_tid, GetActiveSnapshot());
        ResetPerTupleExprContext(state_);
    }

    void end() const {
        ExecCloseIndices(result_);
        ExecResetTupleTable(state_->es_tupleTable, false);
        FreeExecutorState(state_);
        CommandCounterIncrement();
    }

  private:
    Relation source_;
    EState* state_;
    ResultRelInfo* result_;
    TupleTableSlot* slot_;
    AttrNumber* columns_;
};

// May ereport.
std::int64_t move_all(Relation source, Relation target, AttrNumber key, KeyType type,
                      const BoundRange& bounds) {
    PushActiveSnapshot(GetLatestSnapshot());
    const RowMove rows{source, target};
    std::int64_t count = 0;
    any_row(source, [&](TupleTableSlot* row) {
        bool is_null = false;
        const Datum value = slot_getattr(row, key, &is_null);
        if (is_null)
            return false;
        const Bound found = bound_of_value(value, type);
        if (found < bounds.lower || found >= bounds.upper)
            return false;
        rows.move(row);
        ++count;
        return false;
    });
    rows.end();
    PopActiveSnapshot();
    return count;
}

}  // namespace

std::int64_t move_rows(const ManagedParent& managed, RelationId source, RelationId target,
                       const BoundRange& bounds) {
    const Table& table = *managed.parent.table;
    const RoleContext owner{table.owner, search_path_of(table.owner), statement_timeout()};
    return call([&] {
        const Relation from = table_open(source, RowExclusiveLock);
        const Relation to = table_open(target, RowExclusiveLock);
        const AttrNumber key =
            require_key_attribute(from, table.key_column.c_str(), *table.key_type);
        require_table(to);
        const std::int64_t count = move_all(from, to, key, *table.key_type, bounds);
        table_close(to, NoLock);
        table_close(from, NoLock);
        return count;
    });
}

}  // namespace ppm
