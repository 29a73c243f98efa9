#include "pg/ddl.hpp"

#include "pg/guard.hpp"

namespace ppm {

namespace {

std::string parent_identifier(const Parent& parent) {
    return qualified_identifier(parent.configuration.schema_name, parent.configuration.table_name);
}

// ` TABLESPACE ...` and, where a partitioned table can have one (17), ` USING ...`; nothing where
// the parent has none.
std::string storage_clauses(const Parent& parent) {
    const auto names = call([&] {
        struct {
            const char* access_method;
            const char* tablespace;
        } result{nullptr, nullptr};
        const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(parent.table->relation));
        if (HeapTupleIsValid(tuple)) {
            const auto* const relation = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
            if (OidIsValid(relation->relam))
                result.access_method = get_am_name(relation->relam);
            if (OidIsValid(relation->reltablespace))
                result.tablespace = get_tablespace_name(relation->reltablespace);
            ReleaseSysCache(tuple);
        }
        return result;
    });
    std::string clauses;
    if (names.access_method != nullptr)
        clauses += " USING " + identifier(names.access_method);
    if (names.tablespace != nullptr)
        clauses += " TABLESPACE " + identifier(names.tablespace);
    return clauses;
}

}  // namespace

std::string identifier(const std::string& name) {
    return call([&name] { return quote_identifier(name.c_str()); });
}

std::string qualified_identifier(const std::string& schema_name, const std::string& name) {
    return identifier(schema_name) + "." + identifier(name);
}

std::vector<std::string> statements_for(const Parent& parent, const KeyCodec& codec,
                                        const CreatePartition& create) {
    const std::string table = parent_identifier(parent);
    const std::string partition =
        qualified_identifier(parent.configuration.schema_name, create.name);
    return {
        "CREATE TABLE " + partition + " (LIKE " + table + " INCLUDING ALL EXCLUDING IDENTITY)" +
            storage_clauses(parent),
        "ALTER TABLE " + table + " ATTACH PARTITION " + partition + " FOR VALUES FROM (" +
            codec.literal(create.bounds.lower) + ") TO (" + codec.literal(create.bounds.upper) +
            ")",
    };
}

std::string rows_in_default_query(const Parent& parent, const KeyCodec& codec,
                                  const BoundRange& bounds) {
    const Partition& partition = *parent.default_partition;
    const std::string key = identifier(parent.table->key_column);
    return "SELECT EXISTS (SELECT FROM " +
           qualified_identifier(partition.schema_name, partition.name) + " WHERE " + key +
           " >= " + codec.literal(bounds.lower) + " AND " + key + " < " +
           codec.literal(bounds.upper) + ")";
}

}  // namespace ppm
