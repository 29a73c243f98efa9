// ppm.log_change(): notes the keys of rows that somebody writes to a partition while it is being
// copied.
#include "pg/bridge/guard.hpp"
#include "pg/repartition/triggers.hpp"

namespace ppm {

namespace {

constexpr int max_key_columns = INDEX_MAX_KEYS;
constexpr char key_was_altered[] = "a column of the key was altered";

// Where a statement's keys go. Lives as long as the statement, which calls the trigger for each
// row.
struct Log {
    Oid parent;
    Oid relation;                                // InvalidOid: this is no source of a move
    int columns;                                 // -1: the columns have changed
    std::array<AttrNumber, max_key_columns> of;  // in the source, in the log's order
    bool is_for_owner;                           // the source's owner may read the log
};

Oid base_type(Oid relation, AttrNumber attribute) {
    return getBaseType(get_atttype(relation, attribute));
}

void find_columns(Log& log, Oid source) {
    const Relation table = table_open(log.relation, RowExclusiveLock);
    const TupleDesc descriptor = RelationGetDescr(table);
    log.columns = descriptor->natts;
    for (int i = 0; i < descriptor->natts; ++i) {
        const FormData_pg_attribute* const column = TupleDescAttr(descriptor, i);
        log.of[static_cast<std::size_t>(i)] = get_attnum(source, NameStr(column->attname));
        if (log.of[static_cast<std::size_t>(i)] == InvalidAttrNumber ||
            base_type(source, log.of[static_cast<std::size_t>(i)]) != column->atttypid)
            log.columns = -1;
        if (log.columns < 0)
            break;
    }
    table_close(table, NoLock);
}

// Whether the relation's privileges name the role itself. (A superuser may read any log, but is not
// who the keys were noted for.)
bool is_granted_to(Oid relation, Oid role) {
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        return false;
    bool is_null = false;
    bool found = false;
    const Datum privileges = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &is_null);
    if (!is_null) {
        const Acl* const acl = DatumGetAclP(privileges);
        const std::span items{ACL_DAT(acl), static_cast<std::size_t>(ACL_NUM(acl))};
        found = std::ranges::any_of(items,
                                    [=](const AclItem& each) { return each.ai_grantee == role; });
    }
    ReleaseSysCache(tuple);
    return found;
}

// May ereport.
const Log& log_of(FunctionCallInfo fcinfo, Relation source) {
    if (fcinfo->flinfo->fn_extra == nullptr) {
        auto* const log =
            static_cast<Log*>(MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Log)));
        log->parent = parent_of(source);
        if (OidIsValid(log->parent))
            log->relation =
                get_relname_relid(psprintf("log_%u", log->parent), get_namespace_oid("ppm", true));
        if (OidIsValid(log->relation)) {
            find_columns(*log, RelationGetRelid(source));
            log->is_for_owner = is_granted_to(log->relation, source->rd_rel->relowner);
        }
        fcinfo->flinfo->fn_extra = log;
    }
    return *static_cast<const Log*>(fcinfo->flinfo->fn_extra);
}

// Writes to the log table directly: the writer needs no rights on it, and no user code runs. May
// ereport.
void note(const Log& log, HeapTuple row, TupleDesc descriptor) {
    const std::span columns{log.of.data(), static_cast<std::size_t>(log.columns)};
    // Nothing checks the log's constraints, so it has none.
    if (std::ranges::any_of(columns,
                            [&](AttrNumber each) { return heap_attisnull(row, each, descriptor); }))
        return mark_broken(log.parent, key_was_altered);
    const Relation table = table_open(log.relation, RowExclusiveLock);
    std::array<Datum, max_key_columns> values{};
    std::array<bool, max_key_columns> nulls{};
    for (std::size_t i = 0; i < columns.size(); ++i) {
        values[i] = heap_getattr(row, log.of[i], descriptor, &nulls[i]);
        // Detoasted: the value would otherwise point into the source's TOAST table.
        if (TupleDescAttr(descriptor, log.of[i] - 1)->attlen == -1)
            values[i] = PointerGetDatum(PG_DETOAST_DATUM(values[i]));
    }
    const HeapTuple key = heap_form_tuple(RelationGetDescr(table), values.data(), nulls.data());
    simple_heap_insert(table, key);
    heap_freetuple(key);
    table_close(table, NoLock);
}

// May ereport.
void log_change(FunctionCallInfo fcinfo, const TriggerData& trigger) {
    const Relation source = trigger.tg_relation;
    const Log& log = log_of(fcinfo, source);
    if (!OidIsValid(log.relation))
        return;
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger.tg_event))
        return mark_broken(log.parent, "a partition was truncated");
    if (log.columns < 0)
        return mark_broken(log.parent, key_was_altered);
    if (!log.is_for_owner)
        return mark_broken(log.parent, "the table has another owner");
    note(log, trigger.tg_trigtuple, RelationGetDescr(source));
    if (TRIGGER_FIRED_BY_UPDATE(trigger.tg_event))
        note(log, trigger.tg_newtuple, RelationGetDescr(source));
}

}  // namespace

void note_change(FunctionCallInfo fcinfo) {
    const TriggerData& trigger = trigger_of(fcinfo, "ppm.log_change()");
    call([&] { log_change(fcinfo, trigger); });
}

}  // namespace ppm
