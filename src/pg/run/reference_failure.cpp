#include "pg/run/reference_failure.hpp"

#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"

namespace ppm {

namespace {

// The error names the constraint that PostgreSQL keeps for the partition. The constraint that can
// be dropped is the topmost one of the same table. Its columns are in the same order.
constexpr char reference_query[] = R"(
    WITH RECURSIVE kept AS (
        SELECT k.* FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE k.contype = 'f' AND k.conname = $2 AND n.nspname = $3 AND c.relname = $4
          AND k.confrelid IN (SELECT relid FROM pg_partition_ancestors($1::regclass))),
    above AS (
        SELECT oid, conname, conparentid, conrelid FROM kept
        UNION ALL
        SELECT k.oid, k.conname, k.conparentid, k.conrelid FROM above JOIN pg_constraint k ON k.oid = above.conparentid AND k.conrelid = above.conrelid)
    SELECT format('%I.%I', $3, $4),
           (SELECT string_agg(format('r.%I', a.attname), ', ' ORDER BY x.number)
            FROM unnest(k.conkey) WITH ORDINALITY AS x(attnum, number) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.attnum),
           (SELECT string_agg(format('p.%I', a.attname), ', ' ORDER BY x.number)
            FROM unnest(k.confkey) WITH ORDINALITY AS x(attnum, number) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.attnum),
           format('%I.%I', s.nspname, t.relname),
           (SELECT quote_ident(conname) FROM above ORDER BY oid LIMIT 1),
           EXISTS (SELECT FROM ppm.detached d WHERE d.relation = k.conrelid)
    FROM kept k, pg_class t JOIN pg_namespace s ON s.oid = t.relnamespace WHERE t.oid = $1)";

}  // namespace

std::optional<ReferenceFailure> reference_failure(const Partition& partition, const Error& error) {
    const auto* const raised = dynamic_cast<const PostgresError*>(&error);
    if (raised == nullptr || error.sqlstate() != ERRCODE_FOREIGN_KEY_VIOLATION)
        return std::nullopt;
    const UserContext owner{owner_of_ppm()};
    const auto reference =
        query(reference_query,
              {oid_parameter(partition.relation), text_parameter(raised->constraint()),
               text_parameter(raised->table_schema()), text_parameter(raised->table())})
            .first<std::string, std::string, std::string, std::string, std::string, bool>();
    if (!reference)
        return std::nullopt;
    const auto& [table, referring, referenced, of_partition, constraint, was_detached] = *reference;
    ReferenceFailure failure;
    failure.rows = "these rows keep it: SELECT r.* FROM " + table +
                   " AS r WHERE EXISTS (SELECT FROM " + of_partition + " AS p WHERE (" +
                   referenced + ") = (" + referring + "))";
    failure.hint =
        was_detached
            ? "Table " + table +
                  " was detached and is kept. Its rows refer to rows of the partition. To have the "
                  "partition removed: ALTER TABLE " +
                  table + " DROP CONSTRAINT " + constraint + ";"
            : "Delete the rows that refer to the partition, or set their foreign key columns to "
              "NULL. Or raise retention in ppm.config to keep the partition.";
    return failure;
}

}  // namespace ppm
