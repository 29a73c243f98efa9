#include "pg/catalog/unindexed_references.hpp"

#include "core/check/check.hpp"
#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/references.hpp"
#include "pg/ddl/ddl.hpp"

namespace ppm {

namespace {

// For all these tables together: about as many as are read in a tenth of a second.
constexpr std::int64_t most_pages_to_read = 1000;

// A partition of a referencing table has a constraint of its own. An index serves if it begins with
// the key's columns, in any order, or with the one that refers to the partition key. (An int2vector
// begins at 0.)
constexpr char unindexed_query[] = R"(
    SELECT c.confrelid, c.conrelid, n.nspname, r.relname, c.conname,
           ARRAY (SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, place)
                  JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
                  ORDER BY k.place)
    FROM pg_constraint c
    JOIN pg_partitioned_table t ON t.partrelid = c.confrelid
    JOIN pg_class r ON r.oid = c.conrelid AND r.relkind = 'r'
    JOIN pg_namespace n ON n.oid = r.relnamespace
    WHERE c.contype = 'f' AND c.confrelid = ANY ($1)
      AND NOT EXISTS (
          SELECT FROM pg_index i
          JOIN pg_class x ON x.oid = i.indexrelid
          JOIN pg_am m ON m.oid = x.relam AND m.amname IN ('btree', 'hash')
          WHERE i.indrelid = c.conrelid AND i.indisvalid AND i.indpred IS NULL
            AND (i.indkey[0] = c.conkey[array_position(c.confkey, t.partattrs[0])]
                 OR i.indnkeyatts >= cardinality(c.conkey)
                    AND c.conkey <@ (i.indkey::int2[])[0:cardinality(c.conkey) - 1]))
    ORDER BY n.nspname, r.relname, c.conname)";

// By the OID of the referenced table.
std::multimap<Oid, UnindexedReference> read_unindexed(const std::vector<Oid>& parents) {
    std::multimap<Oid, UnindexedReference> found;
    const std::vector<Oid> referenced = possibly_referenced(parents);
    if (referenced.empty())
        return found;
    for (const auto& [parent, relation, schema_name, name, constraint, columns] :
         query(unindexed_query, {oid_array_parameter(referenced)})
             .as<Oid, Oid, std::string, std::string, std::string, std::vector<std::string>>())
        found.emplace(parent, UnindexedReference{relation, schema_name, name, constraint, columns});
    return found;
}

// The current number of pages. If the table is locked, the number at the last VACUUM or ANALYZE.
// Waits for no lock.
std::int64_t pages_of(Oid relation) {
    return call([=]() -> std::int64_t {
        if (!ConditionalLockRelationOid(relation, AccessShareLock)) {
            const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
            if (!HeapTupleIsValid(tuple))
                return 0;
            const std::int64_t pages = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relpages;
            ReleaseSysCache(tuple);
            return pages;
        }
        std::int64_t pages = 0;
        if (get_rel_relkind(relation) != '\0')
            pages = DatumGetInt64(DirectFunctionCall2(pg_relation_size, ObjectIdGetDatum(relation),
                                                      CStringGetTextDatum("main"))) /
                    BLCKSZ;
        UnlockRelationOid(relation, AccessShareLock);
        return pages;
    });
}

}  // namespace

void read_unindexed_references(std::vector<ManagedParent>& parents) {
    std::vector<Oid> relations;
    for (const ManagedParent& managed : parents)
        if (managed.parent.configuration.retention && validate(managed.parent).empty())
            relations.push_back(managed.parent.table->relation);
    if (relations.empty())
        return;
    const auto found = read_unindexed(relations);
    for (ManagedParent& managed : parents) {
        if (!managed.parent.table)
            continue;
        const auto [begin, end] = found.equal_range(managed.parent.table->relation);
        for (auto each = begin; each != end; ++each)
            managed.parent.unindexed_references.push_back(each->second);
    }
}

void require_indexed_references(const Parent& parent) {
    std::int64_t pages = 0;
    std::set<Oid> counted;
    std::string names;
    std::string hint;
    for (const auto& [relation, each] : read_unindexed({parent.table->relation})) {
        if (counted.insert(each.relation).second)
            pages += pages_of(each.relation);
        names += (names.empty() ? "" : ", ") + in_quotes(each.qualified_name());
        hint += (hint.empty() ? "" : " ") + create_index(each, identifier);
    }
    if (pages > most_pages_to_read)
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "foreign keys that refer to table " +
                           in_quotes(parent.configuration.qualified_name()) +
                           " have no index, and their tables are large",
                       "Detaching reads all " + std::to_string(pages) + " pages of " + names +
                           ", and keeps their writers waiting.",
                       hint};
}

}  // namespace ppm
