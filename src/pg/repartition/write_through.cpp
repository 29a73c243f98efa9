// ppm.write_through(): repeats each write to a copied partition in the new tables, in the same
// transaction. So both always show the same rows to everybody.
#include "pg/bridge/spi.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/repartition/triggers.hpp"

namespace ppm {

namespace {

struct Target {
    Oid relation = InvalidOid;
    Oid key_index = InvalidOid;
    BoundRange bounds{Bound::min_value(), Bound::max_value()};
};

// What a statement needs to know. Lives as long as the statement, which calls the trigger for each
// row.
struct Targets {
    Oid parent = InvalidOid;  // or else this is no source of a move
    Target by_default;
    KeyType type = KeyType::date;
    AttrNumber key = InvalidAttrNumber;
    std::size_t count = 0;
    Target* targets = nullptr;  // by lower bound
};

const Targets& no_targets() {
    static constexpr Targets none{};
    return none;
}

Targets* copy_of(const Targets& read, const std::vector<Target>& targets, MemoryContext context) {
    return call([&] {
        auto* const copy = static_cast<Targets*>(MemoryContextAlloc(context, sizeof(Targets)));
        *copy = read;
        copy->count = targets.size();
        copy->targets = static_cast<Target*>(
            MemoryContextAlloc(context, sizeof(Target) * std::max<std::size_t>(copy->count, 1)));
        std::ranges::copy(targets, copy->targets);
        return copy;
    });
}

constexpr char key_query[] =
    "SELECT a.attname, a.atttypid FROM pg_partitioned_table p "
    "JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0] "
    "WHERE p.partrelid = $1";

// As ppm's owner: the writer may not read ppm's tables.
Targets* read_targets(Relation source, Oid parent, MemoryContext context) {
    const auto found = query(key_query, {oid_parameter(parent)}).first<std::string, Oid>();
    const auto [key, type_oid] = found.value_or(std::tuple{"", InvalidOid});
    const auto type = key_type_of(type_oid);
    std::optional<Job> job;
    if (type)
        job = read_job(parent, type);
    std::vector<Target> targets;
    Targets read{};
    for (const JobTarget& each : job ? job->targets : std::vector<JobTarget>{}) {
        const Target target{each.relation, each.key_index, each.bounds};
        if (each.is_default)
            read.by_default = target;
        else
            targets.push_back(target);
    }
    std::ranges::sort(targets, {}, [](const Target& each) { return each.bounds.lower; });
    if (job && type) {
        read.parent = parent;
        read.type = type.value_or(KeyType::date);
        read.key = call([relation = RelationGetRelid(source), name = key.c_str()] {
            return get_attnum(relation, name);
        });
    }
    return copy_of(read, targets, context);
}

const Targets& targets_of(FunctionCallInfo fcinfo, Relation source) {
    if (fcinfo->flinfo->fn_extra == nullptr) {
        const Oid parent = call([=] { return parent_of(source); });
        if (!OidIsValid(parent))
            return no_targets();
        const SpiConnection spi{false};
        LocalSettings settings;
        settings.set("search_path", pinned_path);
        fcinfo->flinfo->fn_extra = read_targets(source, parent, fcinfo->flinfo->fn_mcxt);
    }
    return *static_cast<const Targets*>(fcinfo->flinfo->fn_extra);
}

// The table that is to have the row. May ereport.
const Target& target_of(const Targets& targets, HeapTuple row, TupleDesc descriptor) {
    bool is_null = false;
    const Datum value = heap_getattr(row, targets.key, descriptor, &is_null);
    if (!is_null) {
        const Bound key = bound_of_value(value, targets.type);
        const std::span all{targets.targets, targets.count};
        const auto after = std::ranges::upper_bound(
            all, key, {}, [](const Target& each) { return each.bounds.lower; });
        if (after != all.begin() && key < std::prev(after)->bounds.upper)
            return *std::prev(after);
    }
    if (!OidIsValid(targets.by_default.relation))
        elog(ERROR, "no table is to have the row");
    return targets.by_default;
}

// The row as the other table has it: columns may have other numbers there. May ereport.
void fill(TupleTableSlot* slot, HeapTuple row, Relation source) {
    const TupleDesc theirs = RelationGetDescr(source);
    const TupleDesc ours = slot->tts_tupleDescriptor;
    ExecClearTuple(slot);
    for (int i = 0; i < ours->natts; ++i) {
        const FormData_pg_attribute* const column = TupleDescAttr(ours, i);
        slot->tts_isnull[i] = true;
        if (column->attisdropped)
            continue;
        const AttrNumber number = get_attnum(RelationGetRelid(source), NameStr(column->attname));
        if (number == InvalidAttrNumber ||
            TupleDescAttr(theirs, number - 1)->atttypid != column->atttypid)
            elog(ERROR, "column %s was altered", NameStr(column->attname));
        slot->tts_values[i] = heap_getattr(row, number, theirs, &slot->tts_isnull[i]);
    }
    ExecStoreVirtualTuple(slot);
}

// A target that is open for writing. It is written like logical replication writes a table: without
// privilege checks, and without triggers, because they are disabled. May ereport.
class OpenTarget {
  public:
    OpenTarget(const Target& target, Relation source)
        : key_index_{target.key_index},
          table_{table_open(target.relation, RowExclusiveLock)},
          state_{CreateExecutorState()},
          slot_{table_slot_create(table_, &state_->es_tupleTable)} {
        // PostgreSQL evaluates its constraints and indexes, which are its owner's, as the writer.
        if (table_->rd_rel->relowner != source->rd_rel->relowner)
            elog(ERROR, "the new table has another owner than the partition");
    }

    TupleTableSlot* slot() const { return slot_; }

    void insert() const {
        auto* const result = makeNode(ResultRelInfo);
        InitResultRelInfo(result, table_, 0, nullptr, 0);
        ExecOpenIndices(result, false);
        ExecSimpleRelationInsert(result, state_, slot_);
        ExecCloseIndices(result);
    }

    // Deletes the row with the slot's key. There may be none: if a trigger changes a row that the
    // same statement has just written, the trigger's change arrives here first.
    void remove() const {
        TupleTableSlot* const found = table_slot_create(table_, &state_->es_tupleTable);
        if (find_by_index(table_, key_index_, slot_, found))
            simple_table_tuple_delete(table_, &found->tts_tid, GetActiveSnapshot());
    }

    void close() const {
        ExecResetTupleTable(state_->es_tupleTable, false);
        FreeExecutorState(state_);
        table_close(table_, NoLock);
        CommandCounterIncrement();
    }

  private:
    Oid key_index_;
    Relation table_;
    EState* state_;
    TupleTableSlot* slot_;
};

// May ereport.
void remove(const Targets& targets, HeapTuple row, Relation source) {
    const OpenTarget target{target_of(targets, row, RelationGetDescr(source)), source};
    fill(target.slot(), row, source);
    target.remove();
    target.close();
}

void insert(const Targets& targets, HeapTuple row, Relation source) {
    const OpenTarget target{target_of(targets, row, RelationGetDescr(source)), source};
    fill(target.slot(), row, source);
    target.insert();
    target.close();
}

// Whether the row still exists. If not, a trigger that the same statement fired has changed or
// deleted it. That change arrives here by itself, perhaps before this one. May ereport.
bool is_there(HeapTuple row, Relation source) {
    TupleTableSlot* const slot = table_slot_create(source, nullptr);
    const bool found =
        table_tuple_fetch_row_version(source, &row->t_self, GetActiveSnapshot(), slot);
    ExecDropSingleTupleTableSlot(slot);
    return found;
}

// May ereport.
bool have_same_key(const Targets& targets, const TriggerData& trigger) {
    const Relation source = trigger.tg_relation;
    const TupleDesc descriptor = RelationGetDescr(source);
    const Target target = target_of(targets, trigger.tg_trigtuple, descriptor);
    if (target_of(targets, trigger.tg_newtuple, descriptor).relation != target.relation)
        return false;
    const Relation index = index_open(target.key_index, AccessShareLock);
    bool same = true;
    for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); ++i) {
        const char* const name =
            get_attname(target.relation, index->rd_index->indkey.values[i], false);
        const AttrNumber number = get_attnum(RelationGetRelid(source), name);
        bool is_null = false;
        const Datum before = heap_getattr(trigger.tg_trigtuple, number, descriptor, &is_null);
        const Datum after = heap_getattr(trigger.tg_newtuple, number, descriptor, &is_null);
        const FormData_pg_attribute* const column = TupleDescAttr(descriptor, number - 1);
        same = same && datum_image_eq(before, after, column->attbyval, column->attlen);
    }
    index_close(index, AccessShareLock);
    return same;
}

// May ereport.
void write_row(const Targets& targets, const TriggerData& trigger) {
    const Relation source = trigger.tg_relation;
    const bool is_update = TRIGGER_FIRED_BY_UPDATE(trigger.tg_event);
    const HeapTuple written = is_update ? trigger.tg_newtuple : trigger.tg_trigtuple;
    if (!TRIGGER_FIRED_BY_DELETE(trigger.tg_event) && !is_there(written, source)) {
        // The other change finds the row by its key.
        if (is_update && !have_same_key(targets, trigger))
            elog(ERROR, "a statement and a trigger changed the key of a row");
        return;
    }
    if (!TRIGGER_FIRED_BY_INSERT(trigger.tg_event))
        remove(targets, trigger.tg_trigtuple, source);
    if (!TRIGGER_FIRED_BY_DELETE(trigger.tg_event))
        insert(targets, written, source);
}

void write(const Targets& targets, const TriggerData& trigger) {
    // Makes the statement's own writes visible.
    CommandCounterIncrement();
    PushActiveSnapshot(GetLatestSnapshot());
    write_row(targets, trigger);
    PopActiveSnapshot();
}

// An error in the copy must not make the writer's statement fail. A cancel or a shutdown must.
bool must_pass(const PostgresError& error) {
    return error.is_cancel() || error.sqlstate() == ERRCODE_ADMIN_SHUTDOWN ||
           error.sqlstate() == ERRCODE_QUERY_CANCELED;
}

}  // namespace

void write_through(FunctionCallInfo fcinfo) {
    const TriggerData& trigger = trigger_of(fcinfo, "ppm.write_through()");
    const Targets& targets = targets_of(fcinfo, trigger.tg_relation);
    if (!OidIsValid(targets.parent))
        return;
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger.tg_event))
        return call([&] { mark_broken(targets.parent, "a partition was truncated"); });
    std::string reason;
    try {
        Subtransaction subtransaction;
        call([&] { write(targets, trigger); });
        subtransaction.commit();
        return;
    } catch (const PostgresError& error) {
        if (must_pass(error))
            throw;
        reason = "a row could not be written to its new table: " + error.message();
    }
    call([&] { mark_broken(targets.parent, reason.c_str()); });
}

const TriggerData& trigger_of(FunctionCallInfo fcinfo, const char* function) {
    const auto* const trigger =
        CALLED_AS_TRIGGER(fcinfo) ? reinterpret_cast<TriggerData*>(fcinfo->context) : nullptr;
    if (trigger == nullptr || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
        TRIGGER_FIRED_FOR_ROW(trigger->tg_event) == TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
        throw PpmError{ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                       std::string{function} + " is only for triggers that ppm makes"};
    return *trigger;
}

Oid parent_of(Relation table) {
    return table->rd_rel->relispartition ? get_partition_parent(RelationGetRelid(table), true)
                                         : InvalidOid;
}

}  // namespace ppm
