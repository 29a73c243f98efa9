// ppm.write_through(): repeats each write to a copied partition in the new tables, in the same
// transaction. So both always show the same rows to everybody.
#include "pg/bridge/spi.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/scan.hpp"
#include "pg/repartition/row_by_key.hpp"
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
    Oid source_index = InvalidOid;  // the one whose key the targets' key indexes have
    std::size_t count = 0;
    Target* targets = nullptr;  // by lower bound
    bool is_broken = false;     // by this statement: nothing more is copied
};

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

// The source's part of the parent's index that a target's index over the matching key, $3, was made
// like. Another index of the same columns may take other values for equal.
constexpr char source_index_query[] = R"(
    WITH index AS (
        SELECT x.*, ARRAY(SELECT a.attname FROM generate_series(0, x.indnkeyatts - 1) AS n(number)
                          JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[n.number]
                          ORDER BY n.number) AS columns
        FROM pg_index x WHERE x.indrelid = $2 OR x.indexrelid = $3)
    SELECT s.indexrelid
    FROM index t JOIN index p ON p.indrelid = $2 AND p.columns = t.columns AND p.indclass = t.indclass AND p.indcollation = t.indcollation
        AND p.indisunique AND p.indpred IS NULL AND p.indexprs IS NULL
    JOIN pg_inherits h ON h.inhparent = p.indexrelid JOIN pg_index s ON s.indexrelid = h.inhrelid AND s.indrelid = $1 AND s.indisvalid
    WHERE t.indexrelid = $3 ORDER BY s.indexrelid LIMIT 1)";

Oid source_index_of(Relation source, Oid parent, Oid target_index) {
    const auto index =
        query(source_index_query, {oid_parameter(RelationGetRelid(source)), oid_parameter(parent),
                                   oid_parameter(target_index)})
            .first_value<Oid>();
    if (!index)
        throw PpmError{ERRCODE_UNDEFINED_OBJECT, "the unique key was altered"};
    return *index;
}

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
    // Nothing is copied any longer when the move must begin again.
    if (job && type && !call([=] { return is_marked_broken(parent); })) {
        read.parent = parent;
        read.type = type.value_or(KeyType::date);
        read.key = call([relation = RelationGetRelid(source), name = key.c_str()] {
            return get_attnum(relation, name);
        });
        read.source_index = source_index_of(
            source, parent,
            targets.empty() ? read.by_default.key_index : targets.front().key_index);
    }
    return copy_of(read, targets, context);
}

Targets& targets_of(FunctionCallInfo fcinfo, Relation source, Oid parent) {
    if (fcinfo->flinfo->fn_extra == nullptr) {
        const SpiConnection spi{false};
        LocalSettings settings;
        settings.set("search_path", pinned_path);
        fcinfo->flinfo->fn_extra = read_targets(source, parent, fcinfo->flinfo->fn_mcxt);
    }
    return *static_cast<Targets*>(fcinfo->flinfo->fn_extra);
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
        require_table(table_);
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

    // Deletes the row with the slot's key, if there is one.
    void remove() const {
        TupleTableSlot* const found = table_slot_create(table_, &state_->es_tupleTable);
        if (find_by_key(table_, key_index_, slot_, found))
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

// Copies the row that the source has now under this row's key to its target. The event itself does
// not say which row that is: triggers that write to the row that fires them let later writes arrive
// here first. May ereport.
void copy_present(const Targets& targets, HeapTuple row, Relation source) {
    TupleTableSlot* const wanted =
        MakeSingleTupleTableSlot(RelationGetDescr(source), &TTSOpsHeapTuple);
    ExecStoreHeapTuple(row, wanted, false);
    TupleTableSlot* const now = table_slot_create(source, nullptr);
    if (find_by_key(source, targets.source_index, wanted, now)) {
        bool is_copy = false;
        insert(targets, ExecFetchSlotHeapTuple(now, true, &is_copy), source);
    }
    ExecDropSingleTupleTableSlot(now);
    ExecDropSingleTupleTableSlot(wanted);
}

// May ereport.
void write_row(const Targets& targets, const TriggerData& trigger) {
    const Relation source = trigger.tg_relation;
    const bool has_other_key =
        TRIGGER_FIRED_BY_UPDATE(trigger.tg_event) &&
        !have_same_key(source, targets.source_index, trigger.tg_trigtuple, trigger.tg_newtuple);
    remove(targets, trigger.tg_trigtuple, source);
    // Before anything is copied: the two rows may have exchanged a value of another unique key.
    if (has_other_key)
        remove(targets, trigger.tg_newtuple, source);
    copy_present(targets, trigger.tg_trigtuple, source);
    if (has_other_key) {
        // The keys may be equal, and only look different. Then the row was just copied.
        remove(targets, trigger.tg_newtuple, source);
        copy_present(targets, trigger.tg_newtuple, source);
    }
}

// ppm or VACUUM may have locked a target for a moment. (ppm itself waits for a target that others
// have locked no longer than longest_wait_for_target.)
constexpr char longest_table_wait[] = "500ms";

// A target may have a unique index that its source lacks, and another transaction may have written
// the same value. That transaction may already wait for this one. So this one does not wait, or
// else the other one might become the victim of the deadlock.
constexpr char longest_row_wait[] = "1ms";

// May ereport.
void lock_targets(const Targets& targets, const TriggerData& trigger) {
    const TupleDesc descriptor = RelationGetDescr(trigger.tg_relation);
    LockRelationOid(target_of(targets, trigger.tg_trigtuple, descriptor).relation,
                    RowExclusiveLock);
    if (TRIGGER_FIRED_BY_UPDATE(trigger.tg_event))
        LockRelationOid(target_of(targets, trigger.tg_newtuple, descriptor).relation,
                        RowExclusiveLock);
}

void write(const Targets& targets, const TriggerData& trigger) {
    LocalSettings settings;
    settings.set("lock_timeout", longest_table_wait);
    call([&] { lock_targets(targets, trigger); });
    settings.set("lock_timeout", longest_row_wait);
    call([&] {
        // Makes the statement's own writes visible.
        CommandCounterIncrement();
        PushActiveSnapshot(GetLatestSnapshot());
        write_row(targets, trigger);
        PopActiveSnapshot();
    });
}

// Returns why the move must begin again, if it must. Does nothing without a move.
std::string change(const Targets& targets, const TriggerData& trigger) {
    if (!OidIsValid(targets.parent) || targets.is_broken)
        return {};
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger.tg_event))
        return "a partition was truncated";
    write(targets, trigger);
    return {};
}

// An error in the copy must not make the writer's statement fail. A cancel or a shutdown must.
bool must_pass(const Error& error) {
    const auto* const raised = dynamic_cast<const PostgresError*>(&error);
    return (raised != nullptr && raised->is_cancel()) ||
           error.sqlstate() == ERRCODE_ADMIN_SHUTDOWN || error.sqlstate() == ERRCODE_QUERY_CANCELED;
}

}  // namespace

void write_through(FunctionCallInfo fcinfo) {
    const TriggerData& trigger = trigger_of(fcinfo, "ppm.write_through()");
    const Relation source = trigger.tg_relation;
    const Oid parent = call([=] { return parent_of(source); });
    if (!OidIsValid(parent))
        return;
    std::string reason;
    try {
        Subtransaction subtransaction;
        reason = change(targets_of(fcinfo, source, parent), trigger);
        subtransaction.commit();
    } catch (const Error& error) {
        if (must_pass(error))
            throw;
        reason = "a row could not be written to its new table: " + error.message();
    }
    if (reason.empty())
        return;
    if (auto* const targets = static_cast<Targets*>(fcinfo->flinfo->fn_extra))
        targets->is_broken = true;
    call([&] { mark_broken(parent, reason.c_str()); });
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
