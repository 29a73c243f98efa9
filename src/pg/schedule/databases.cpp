#include "pg/schedule/databases.hpp"

namespace ppm {

namespace {

// The name is no std::string: an error would skip its destructor.
struct Row {
    Oid oid;
    NameData name;
    bool allows_connections;
    bool is_template;
};

struct RowList {
    Row* rows;
    std::size_t count;
};

// As get_database_list() in autovacuum.c does it. The rows are in `context`. May ereport.
RowList read_rows(MemoryContext context) {
    StartTransactionCommand();
    GetTransactionSnapshot();
    const Relation catalog = table_open(DatabaseRelationId, AccessShareLock);
    const TableScanDesc scan = table_beginscan_catalog(catalog, 0, nullptr);
    List* rows = NIL;
    while (const HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
        const auto* const form = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
        const MemoryContext before = MemoryContextSwitchTo(context);
        auto* const row = static_cast<Row*>(palloc(sizeof(Row)));
        // A database whose DROP DATABASE was interrupted has a connection limit of -2.
        *row = {form->oid, form->datname, form->datallowconn && form->datconnlimit > -2,
                form->datistemplate};
        rows = lappend(rows, row);
        MemoryContextSwitchTo(before);
    }
    table_endscan(scan);
    table_close(catalog, AccessShareLock);

    auto* const all = static_cast<Row*>(
        MemoryContextAlloc(context, sizeof(Row) * static_cast<Size>(list_length(rows) + 1)));
    for (int i = 0; i < list_length(rows); ++i)
        all[i] = *static_cast<Row*>(list_nth(rows, i));
    const auto count = static_cast<std::size_t>(list_length(rows));
    CommitTransactionCommand();
    return {all, count};
}

}  // namespace

std::vector<Database> all_databases() {
    const MemoryContext context = call([] {
        return AllocSetContextCreateInternal(TopMemoryContext, "ppm databases",
                                             ALLOCSET_DEFAULT_SIZES);
    });
    const RowList list = call([=] { return read_rows(context); });
    std::vector<Database> databases;
    for (std::size_t i = 0; i < list.count; ++i) {
        const Row& row = list.rows[i];
        databases.push_back({row.oid, NameStr(row.name), row.allows_connections, row.is_template});
    }
    call([=] { MemoryContextDelete(context); });
    return databases;
}

}  // namespace ppm
