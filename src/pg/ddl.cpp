#include "pg/ddl.hpp"

#include "pg/guard.hpp"
#include "pg/partition_bound.hpp"

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

std::string literal(const ManagedParent& managed, Bound bound) {
    return bound_literal(bound, *managed.parent.table->key_type, *managed.zone);
}

}  // namespace

std::string identifier(const std::string& name) {
    return call([&name] { return quote_identifier(name.c_str()); });
}

std::string qualified_identifier(const std::string& schema_name, const std::string& name) {
    return identifier(schema_name) + "." + identifier(name);
}

std::vector<std::string> statements_for(const ManagedParent& managed,
                                        const CreatePartition& create) {
    const std::string table = parent_identifier(managed.parent);
    const std::string partition =
        qualified_identifier(managed.parent.configuration.schema_name, create.name);
    return {
        "CREATE TABLE " + partition + " (LIKE " + table + " INCLUDING ALL EXCLUDING IDENTITY)" +
            storage_clauses(managed.parent),
        "ALTER TABLE " + table + " ATTACH PARTITION " + partition + " FOR VALUES FROM (" +
            literal(managed, create.bounds.lower) + ") TO (" +
            literal(managed, create.bounds.upper) + ")",
    };
}

std::string rows_in_default_query(const ManagedParent& managed, const BoundRange& bounds) {
    const Partition& partition = *managed.parent.default_partition;
    const std::string key = identifier(managed.parent.table->key_column);
    return "SELECT EXISTS (SELECT FROM " +
           qualified_identifier(partition.schema_name, partition.name) + " WHERE " + key +
           " >= " + literal(managed, bounds.lower) + " AND " + key + " < " +
           literal(managed, bounds.upper) + ")";
}

}  // namespace ppm
