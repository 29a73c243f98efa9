#include "pg/catalog/table.hpp"

#include "pg/bridge/guard.hpp"
#include "pg/catalog/partition_bound.hpp"

namespace ppm {

namespace {

// Copies of what the catalog has, in PostgreSQL's memory.
struct KeyColumn {
    const char* name = nullptr;  // null: the key is not one plain column
    Oid type = InvalidOid;
    const char* type_name = "";
    bool has_default_order = false;
    bool has_byte_order = true;
};

struct Found {
    Oid relation = InvalidOid;
    Oid owner = InvalidOid;
    bool is_temporary = false;
    bool is_plain = false;
    char strategy = '\0';  // none: not partitioned
    KeyColumn key;
};

// If the operator class is of another type, the key is only binary-compatible with it. May ereport.
bool is_default_order(Oid operator_class, Oid type) {
    const HeapTuple tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(operator_class));
    if (!HeapTupleIsValid(tuple))
        return false;
    const auto* const form = reinterpret_cast<Form_pg_opclass>(GETSTRUCT(tuple));
    const bool result = form->opcdefault && (form->opcintype == type ||
                                             (type == VARCHAROID && form->opcintype == TEXTOID));
    ReleaseSysCache(tuple);
    return result;
}

// The first element of an oidvector of pg_partitioned_table. May ereport.
Oid first_oid(HeapTuple tuple, AttrNumber column) {
    bool is_null = false;
    const Datum value = SysCacheGetAttr(PARTRELID, tuple, column, &is_null);
    return is_null ? InvalidOid : reinterpret_cast<oidvector*>(DatumGetPointer(value))->values[0];
}

// May ereport.
KeyColumn key_column(Oid relation, AttrNumber number, Oid operator_class, Oid collation) {
    KeyColumn key;
    const HeapTuple tuple =
        SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation), Int16GetDatum(number));
    if (!HeapTupleIsValid(tuple))
        return key;
    const auto* const form = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
    key.name = pstrdup(NameStr(form->attname));
    key.type = form->atttypid;
    ReleaseSysCache(tuple);
    // The type may have been dropped with the table.
    key.type_name = format_type_extended(key.type, -1, FORMAT_TYPE_ALLOW_INVALID);
    key.has_default_order = is_default_order(operator_class, key.type);
    key.has_byte_order =
        !OidIsValid(collation) || collation == C_COLLATION_OID || collation == POSIX_COLLATION_OID;
    return key;
}

// May ereport.
void find_key(Found& found) {
    const HeapTuple tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(found.relation));
    if (!HeapTupleIsValid(tuple))
        return;
    const auto* const form = reinterpret_cast<Form_pg_partitioned_table>(GETSTRUCT(tuple));
    found.strategy = form->partstrat;
    const std::int16_t number =
        form->partnatts == 1 ? form->partattrs.values[0] : std::int16_t{InvalidAttrNumber};
    const Oid operator_class = first_oid(tuple, Anum_pg_partitioned_table_partclass);
    const Oid collation = first_oid(tuple, Anum_pg_partitioned_table_partcollation);
    ReleaseSysCache(tuple);
    if (AttributeNumberIsValid(number))
        found.key = key_column(found.relation, number, operator_class, collation);
}

// May ereport.
Found find(const char* schema_name, const char* table_name) {
    Found found;
    const Oid schema = get_namespace_oid(schema_name, true);
    const Oid relation = OidIsValid(schema) ? get_relname_relid(table_name, schema) : InvalidOid;
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        return found;
    const auto* const form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    found.relation = relation;
    found.owner = form->relowner;
    found.is_temporary = form->relpersistence == RELPERSISTENCE_TEMP;
    found.is_plain = form->relkind == RELKIND_RELATION && !form->relispartition;
    ReleaseSysCache(tuple);
    find_key(found);
    return found;
}

Strategy strategy_of(char letter) {
    if (letter == '\0')
        return Strategy::none;
    return letter == PARTITION_STRATEGY_RANGE ? Strategy::range : Strategy::other;
}

}  // namespace

std::optional<Table> read_table(const TableName& name) {
    const Found found =
        call([&] { return find(name.schema_name.c_str(), name.table_name.c_str()); });
    if (!OidIsValid(found.relation))
        return std::nullopt;
    Table table{};
    table.relation = found.relation;
    table.owner = found.owner;
    table.strategy = strategy_of(found.strategy);
    table.has_plain_key = found.key.name != nullptr;
    table.key_column = table.has_plain_key ? found.key.name : "";
    table.key_type_name = found.key.type_name;
    table.key_type = key_type_of(found.key.type);
    table.has_default_order = found.key.has_default_order;
    table.has_byte_order = found.key.has_byte_order;
    table.is_temporary = found.is_temporary;
    table.is_plain = found.is_plain;
    return table;
}

std::optional<TableName> present_name_of(Oid relation) {
    struct Name {
        const char* schema;
        const char* table;
    };
    const Name name = call([=] {
        return Name{get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation)};
    });
    if (name.schema == nullptr || name.table == nullptr)
        return std::nullopt;
    return TableName{name.schema, name.table};
}

CommonProperties read_common_properties(Oid relation) {
    return call([=] {
        CommonProperties properties{};
        const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
        if (!HeapTupleIsValid(tuple))
            return properties;
        const auto* const form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        properties = {form->reltablespace,  form->relreplident,        form->relpersistence,
                      form->relrowsecurity, form->relforcerowsecurity, form->relhastriggers};
        ReleaseSysCache(tuple);
        return properties;
    });
}

}  // namespace ppm
