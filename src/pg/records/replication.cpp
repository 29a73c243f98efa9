#include "pg/records/replication.hpp"

#include "pg/bridge/scope.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"

namespace ppm {

namespace {

// The rows of one table, until its TRUNCATE is over or the (sub)transaction is.
struct KeptRows {
    Oid relation;
    Tuplestorestate* rows;
    KeptRows* next;
    MemoryContextCallback at_end;
};

KeptRows* all_kept = nullptr;
bool is_putting_back = false;

void unlink(void* argument) {
    for (KeptRows** each = &all_kept; *each != nullptr; each = &(*each)->next)
        if (*each == argument) {
            *each = (*each)->next;
            return;
        }
}

KeptRows* kept_rows_of(Oid relation) {
    KeptRows* each = all_kept;
    while (each != nullptr && each->relation != relation)
        each = each->next;
    return each;
}

// May ereport.
KeptRows* begin_keeping(Oid relation) {
    const MemoryContext before = MemoryContextSwitchTo(CurTransactionContext);
    auto* const kept = static_cast<KeptRows*>(palloc0(sizeof(KeptRows)));
    kept->relation = relation;
    kept->rows = tuplestore_begin_heap(false, false, work_mem);
    kept->next = all_kept;
    kept->at_end.func = unlink;
    kept->at_end.arg = kept;
    MemoryContextRegisterResetCallback(CurTransactionContext, &kept->at_end);
    all_kept = kept;
    MemoryContextSwitchTo(before);
    return kept;
}

// Detoasts the row first: the TOAST table will be empty, too. May ereport.
void keep(Tuplestorestate* rows, TupleTableSlot* slot) {
    bool is_copy = false;
    HeapTuple tuple = ExecFetchSlotHeapTuple(slot, false, &is_copy);
    HeapTuple whole = tuple;
    if (HeapTupleHasExternal(tuple))
        whole = toast_flatten_tuple(tuple, slot->tts_tupleDescriptor);
    tuplestore_puttuple(rows, whole);
    if (whole != tuple)
        heap_freetuple(whole);
    if (is_copy)
        heap_freetuple(tuple);
}

// Makes the table's own trigger let the rows through.
class TriggerBypass : Scope {
  public:
    TriggerBypass() { is_putting_back = true; }
    ~TriggerBypass() { is_putting_back = false; }
};

// Registers the rows as a table that statements can name. May ereport.
void register_rows(Relation table, Tuplestorestate* rows, char* name) {
    auto* const relation =
        static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
    relation->md.name = name;
    relation->md.reliddesc = RelationGetRelid(table);
    relation->md.enrtype = ENR_NAMED_TUPLESTORE;
    relation->md.enrtuples = static_cast<double>(tuplestore_tuple_count(rows));
    relation->reldata = rows;
    if (SPI_register_relation(relation) != SPI_OK_REL_REGISTER)
        elog(ERROR, "could not register the rows of a table");
}

// The name as SQL writes it; null if the trigger is not one of ppm on a table of ppm. May ereport.
const char* table_of_own_trigger(Oid relation, Oid function) {
    const Oid schema = get_namespace_oid("ppm", false);
    const char* const name = get_rel_name(relation);
    if (name == nullptr || get_rel_namespace(relation) != schema ||
        get_func_namespace(function) != schema)
        return nullptr;
    return quote_qualified_identifier("ppm", name);
}

}  // namespace

// The role alone does not tell: superusers set it, too, and pg_restore works without.
bool is_applied_by_replication() {
    return !is_putting_back && SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA &&
           call([] { return IsLogicalWorker() || replication_origin() != 0; });
}

void keep_rows(Relation table) {
    call([=] {
        Tuplestorestate* const rows = begin_keeping(RelationGetRelid(table))->rows;
        const Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
        TupleTableSlot* const slot = table_slot_create(table, nullptr);
        const TableScanDesc scan = begin_scan(table, snapshot);
        while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
            CHECK_FOR_INTERRUPTS();
            keep(rows, slot);
        }
        table_endscan(scan);
        ExecDropSingleTupleTableSlot(slot);
        UnregisterSnapshot(snapshot);
    });
}

void put_rows_back(Relation table) {
    KeptRows* const kept = kept_rows_of(RelationGetRelid(table));
    if (kept == nullptr)
        return;
    unlink(kept);
    const std::string name = call([=] { return quote_identifier(RelationGetRelationName(table)); });
    const UserContext owner{owner_of_ppm()};
    const SpiConnection spi{false};
    const TriggerBypass putting_back;
    char rows[] = "kept_rows";
    call([&] { register_rows(table, kept->rows, rows); });
    execute_own_once("INSERT INTO ppm." + name + " SELECT * FROM kept_rows");
}

// pg_restore --disable-triggers enables them as ordinary triggers, which replication skips.
void keep_replication_out() {
    const UserContext owner{owner_of_ppm()};
    for (const auto& [relation, trigger, function] :
         query("SELECT tgrelid, tgname, tgfoid FROM pg_trigger WHERE tgenabled = 'O' AND tgname IN "
               "('skip_replicated', 'keep_rows', 'put_rows_back', 'refuse_truncate')")
             .as<Oid, std::string, Oid>())
        if (const char* const table =
                call([on = relation, by = function] { return table_of_own_trigger(on, by); }))
            execute_own_once("ALTER TABLE " + std::string{table} + " ENABLE ALWAYS TRIGGER " +
                             trigger);
}

}  // namespace ppm
