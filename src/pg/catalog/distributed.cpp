#include "pg/catalog/distributed.hpp"

#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/scan.hpp"

namespace ppm {

namespace {

// A relation of Citus' catalog; InvalidOid without Citus. May ereport.
Oid catalog_relation(const char* name) {
    return get_relname_relid(name, PG_CATALOG_NAMESPACE);
}

// Opens a table of Citus' catalog, if it is there and has the column with that type. May ereport.
Relation open_catalog(const char* name, const char* column_name, Oid type, AttrNumber& column) {
    const Oid catalog = catalog_relation(name);
    column = OidIsValid(catalog) ? get_attnum(catalog, column_name) : InvalidAttrNumber;
    if (column == InvalidAttrNumber || get_atttype(catalog, column) != type)
        return nullptr;
    const Relation table = try_relation_open(catalog, AccessShareLock);
    if (table == nullptr || table->rd_rel->relkind == RELKIND_RELATION)
        return table;
    relation_close(table, AccessShareLock);
    return nullptr;
}

// The relations that Citus' catalog names. May ereport.
List* distributed_relations() {
    List* relations = nullptr;
    AttrNumber column = InvalidAttrNumber;
    const Relation table = open_catalog("pg_dist_partition", "logicalrelid", REGCLASSOID, column);
    if (table == nullptr)
        return relations;
    any_row(table, [&](TupleTableSlot* slot) {
        bool is_null = false;
        const Datum relation = slot_getattr(slot, column, &is_null);
        if (!is_null)
            relations = lappend_oid(relations, DatumGetObjectId(relation));
        return false;
    });
    relation_close(table, AccessShareLock);
    return relations;
}

// May ereport.
bool is_in_catalog(Oid relation) {
    AttrNumber column = InvalidAttrNumber;
    const Relation table = open_catalog("pg_dist_partition", "logicalrelid", REGCLASSOID, column);
    if (table == nullptr)
        return false;
    ScanKeyData key;
    ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
    const Oid index = catalog_relation("pg_dist_partition_logical_relid_index");
    const SysScanDesc scan =
        systable_beginscan(table, index, OidIsValid(index), GetLatestSnapshot(), 1, &key);
    const bool found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    relation_close(table, AccessShareLock);
    return found;
}

// Citus gives the coordinator group 0. May ereport.
bool is_coordinator() {
    AttrNumber column = InvalidAttrNumber;
    const Relation table = open_catalog("pg_dist_local_group", "groupid", INT4OID, column);
    if (table == nullptr)
        return true;
    const bool found = any_row(table, [&](TupleTableSlot* slot) {
        bool is_null = false;
        const Datum group = slot_getattr(slot, column, &is_null);
        return !is_null && DatumGetInt32(group) != 0;
    });
    relation_close(table, AccessShareLock);
    return !found;
}

// Each relation of $1 with all its ancestors, even if it is being detached.
constexpr char above_query[] = R"(
    WITH RECURSIVE above AS (
        SELECT d AS distributed, d AS relation FROM unnest($1) AS d
        UNION
        SELECT a.distributed, i.inhparent FROM above a JOIN pg_inherits i ON i.inhrelid = a.relation)
    SELECT a.relation, a.distributed = a.relation, concat(n.nspname, '.', r.relname)
    FROM above a JOIN pg_class r ON r.oid = a.distributed JOIN pg_namespace n ON n.oid = r.relnamespace
    ORDER BY a.distributed <> a.relation, a.distributed)";

constexpr char shard_query[] = "SELECT pg_catalog.relation_is_a_known_shard($1)";

std::vector<Oid> all_distributed_relations() {
    std::vector<Oid> relations;
    const List* const list = call(distributed_relations);
    relations.reserve(static_cast<std::size_t>(list_length(list)));
    for (int i = 0; i < list_length(list); ++i)
        relations.push_back(list_nth_oid(list, i));
    return relations;
}

// Why this session cannot manage a distributed table; empty: it can.
Unsupported problem_here(const std::string& table) {
    if (!citus_is_loaded())
        return Unsupported{"Table " + table +
                               " is distributed by Citus, which this server has not loaded: its "
                               "rows are not where ppm looks for them.",
                           "Add citus to shared_preload_libraries, or delete the row from "
                           "ppm.config."};
    if (!call(is_coordinator))
        return Unsupported{
            "Table " + table + " is distributed by Citus, and this server is not the coordinator.",
            "Install ppm on the coordinator, and configure the table there."};
    const char* const propagation =
        call([] { return GetConfigOption("citus.enable_ddl_propagation", true, false); });
    if (propagation != nullptr && std::string_view{propagation} != "on")
        return Unsupported{"Table " + table +
                               " is distributed by Citus, and citus.enable_ddl_propagation is off: "
                               "what ppm does to the table would not be done to its shards.",
                           "SET citus.enable_ddl_propagation TO on;"};
    return {};
}

bool is_shard(Oid relation) {
    return query(shard_query, {oid_parameter(relation)}).value<bool>();
}

void read_shard(Parent& parent) {
    if (!parent.table || !is_shard(parent.table->relation))
        return;
    Table table{};
    table.relation = parent.table->relation;
    table.strategy = Strategy::range;
    table.unsupported = {
        "Table " + in_quotes(parent.configuration.qualified_name()) +
            " is a shard of a table that Citus distributes.",
        "Delete the row from ppm.config, and configure the distributed table on the coordinator."};
    parent.table = std::move(table);
}

}  // namespace

bool citus_is_loaded() {
    return call([] { return GetConfigOption("citus.version", true, false) != nullptr; });
}

bool is_distributed(Oid relation) {
    return call([=] { return is_in_catalog(relation); });
}

void read_distributions(std::vector<ManagedParent>& parents) {
    if (!OidIsValid(call([] { return catalog_relation("pg_dist_partition"); })))
        return;
    std::map<Oid, Table*> tables;
    for (ManagedParent& managed : parents)
        if (auto& table = managed.parent.table)
            tables[table->relation] = &*table;
    std::set<Oid> seen;
    const Rows rows = query(above_query, {oid_array_parameter(all_distributed_relations())});
    for (const auto& [relation, is_itself, name] : rows.as<Oid, bool, std::string>()) {
        const auto found = tables.find(relation);
        if (found == tables.end() || !seen.insert(relation).second)
            continue;
        Table& table = *found->second;
        table.is_distributed = is_itself;
        table.unsupported =
            is_itself ? problem_here(in_quotes(name))
                      : Unsupported{"Table " + in_quotes(name) +
                                        ", a partition, is distributed by Citus, and its parent "
                                        "is not.",
                                    "Distribute the parent, or undistribute the partition: SELECT "
                                    "undistribute_table(" +
                                        in_single_quotes(name) + ");"};
    }
    if (citus_is_loaded())
        for (ManagedParent& managed : parents)
            read_shard(managed.parent);
}

Oid shell_of(Oid relation, const std::string& name) {
    if (!is_distributed(relation) && is_shard(relation))
        return call([&] { return get_relname_relid(name.c_str(), get_rel_namespace(relation)); });
    return relation;
}

std::vector<std::string> settings_for_shards(int lock_timeout, int statement_timeout) {
    return {"SET LOCAL citus.propagate_set_commands TO 'local'",
            "SET LOCAL citus.multi_shard_modify_mode TO 'sequential'",
            "SET LOCAL lock_timeout TO " + std::to_string(lock_timeout),
            "SET LOCAL statement_timeout TO " + std::to_string(statement_timeout)};
}

}  // namespace ppm
