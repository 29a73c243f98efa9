#include "pg/repartition/shape.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/ddl/ddl.hpp"

namespace ppm {

namespace {

// The key's columns in order, each with its equality operator, and with its base type instead of a
// domain: the log gets only values that were checked before.
constexpr char key_query[] = R"(
    WITH key AS (
        SELECT x.indexrelid, x.indrelid, x.indkey, x.indclass, x.indnkeyatts
        FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am m ON m.oid = i.relam
        WHERE x.indrelid = $1 AND x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL AND x.indexprs IS NULL
          AND m.amname = 'btree'
          AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = x.indrelid AND NOT a.attnotnull
                          AND a.attnum = ANY ((x.indkey::smallint[])[0:x.indnkeyatts - 1]))
        ORDER BY x.indisprimary DESC, x.indexrelid LIMIT 1)
    SELECT key.indexrelid, a.attname::text, format('OPERATOR(%I.%s)', s.nspname, o.oprname),
           format('%I %s%s', a.attname, format_type(b.oid, -1),
                  (SELECT format(' COLLATE %I.%I', l.nspname, c.collname)
                   FROM pg_collation c JOIN pg_namespace l ON l.oid = c.collnamespace WHERE c.oid = a.attcollation))
    FROM key CROSS JOIN LATERAL generate_series(0, key.indnkeyatts - 1) AS n(number)
    JOIN pg_attribute a ON a.attrelid = key.indrelid AND a.attnum = key.indkey[n.number]
    JOIN pg_opclass k ON k.oid = key.indclass[n.number]
    JOIN pg_amop p ON p.amopfamily = k.opcfamily AND p.amoplefttype = k.opcintype AND p.amoprighttype = k.opcintype AND p.amopstrategy = 3
    JOIN pg_operator o ON o.oid = p.amopopr JOIN pg_namespace s ON s.oid = o.oprnamespace
    CROSS JOIN LATERAL (WITH RECURSIVE base AS (
                 SELECT t.oid, t.typbasetype FROM pg_type t WHERE t.oid = a.atttypid
                 UNION ALL
                 SELECT t.oid, t.typbasetype FROM base JOIN pg_type t ON t.oid = base.typbasetype)
             SELECT base.oid FROM base WHERE base.typbasetype = 0) AS b
    ORDER BY n.number)";

constexpr char columns_query[] =
    "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute "
    "WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = ''";

#define COLUMNS                                                                              \
    "(SELECT string_agg(concat_ws(':', attnum, attname, atttypid, atttypmod, attisdropped, " \
    "attgenerated, attcollation, attnotnull), ',' ORDER BY attnum) FROM pg_attribute "       \
    "WHERE attrelid = c.oid AND attnum > 0)"

constexpr char parent_version_query[] =
    "SELECT concat_ws(' ', c.relowner, c.relrowsecurity, c.relforcerowsecurity, " COLUMNS
    ", (SELECT string_agg(concat_ws(':', p.oid, p.xmin), ',' ORDER BY p.oid) "
    "FROM pg_policy p WHERE p.polrelid = c.oid)"
    ", (SELECT string_agg(concat_ws(':', x.indexrelid, x.indisvalid), ',' ORDER BY x.indexrelid) "
    "FROM pg_index x WHERE x.indrelid = c.oid)"
    ", (SELECT string_agg(concat_ws(':', k.oid, k.convalidated), ',' ORDER BY k.oid) "
    // PostgreSQL itself adds and removes foreign keys to the partitions of a referenced table.
    "FROM pg_constraint k WHERE k.conrelid = c.oid AND (k.conparentid = 0 OR NOT EXISTS "
    "(SELECT FROM pg_constraint p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)))) "
    "FROM pg_class c WHERE c.oid = $1";

// A table that was detached and attached again has another row in pg_inherits: in between no
// trigger noted its changes.
constexpr char source_version_query[] =
    "SELECT concat_ws(' ', c.relfilenode, c.relowner, c.relpersistence, "
    "(SELECT i.xmin FROM pg_inherits i WHERE i.inhrelid = c.oid), " COLUMNS
    ", (SELECT string_agg(concat_ws(':', t.oid, t.xmin, t.tgenabled), ',' ORDER BY t.oid) "
    "FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
    "JOIN pg_namespace n ON n.oid = p.pronamespace "
    "WHERE t.tgrelid = c.oid AND n.nspname = 'ppm')) "
    "FROM pg_class c WHERE c.oid = $1";

std::string text_of(const char* sql, Oid relation) {
    const auto text =
        query(sql, {oid_parameter(relation)}).first_value<std::optional<std::string>>();
    return text.value_or(std::nullopt).value_or("");
}

}  // namespace

std::string MatchingKey::matches(const std::string& one, const std::string& other) const {
    std::string text;
    for (std::size_t i = 0; i < columns.size(); ++i)
        text.append(i == 0 ? "" : " AND ")
            .append(one)
            .append(".")
            .append(identifier(columns[i]))
            .append(" ")
            .append(operators[i])
            .append(" ")
            .append(other)
            .append(".")
            .append(identifier(columns[i]));
    return text;
}

std::string MatchingKey::list(const std::string& table) const {
    std::string text;
    for (const std::string& column : columns)
        text +=
            (text.empty() ? "" : ", ") + (table.empty() ? "" : table + ".") + identifier(column);
    return text;
}

std::optional<MatchingKey> matching_key(Oid parent) {
    std::optional<MatchingKey> key;
    for (const auto& [index, column, equality, log_column] :
         query(key_query, {oid_parameter(parent)})
             .as<Oid, std::string, std::string, std::string>()) {
        if (!key)
            key = MatchingKey{index, {}, {}, {}};
        key->columns.push_back(column);
        key->operators.push_back(equality);
        key->log_columns += (key->log_columns.empty() ? "" : ", ") + log_column;
    }
    return key;
}

std::string copied_columns(Oid parent) {
    return text_of(columns_query, parent);
}

std::string version_of_parent(Oid parent) {
    return text_of(parent_version_query, parent);
}

std::string version_of_source(Oid source) {
    return text_of(source_version_query, source);
}

// Like the planner: by the row density at the last VACUUM or ANALYZE, or else by the statistics.
std::int64_t estimated_rows(Oid relation) {
    const auto estimate =
        query(
            "SELECT CASE WHEN c.reltuples >= 0 AND c.relpages > 0 THEN (c.reltuples / c.relpages * "
            "(pg_relation_size(c.oid) / current_setting('block_size')::bigint))::bigint "
            "ELSE pg_stat_get_live_tuples(c.oid) END FROM pg_class c WHERE c.oid = $1",
            {oid_parameter(relation)})
            .first_value<std::optional<std::int64_t>>();
    return estimate.value_or(std::nullopt).value_or(0);
}

std::int64_t block_count(Oid relation) {
    return query("SELECT pg_relation_size($1::regclass) / current_setting('block_size')::bigint",
                 {oid_parameter(relation)})
        .value<std::int64_t>();
}

std::string qualified_name(Oid relation) {
    return call([=] {
        const char* const name = get_rel_name(relation);
        const char* const schema =
            name == nullptr ? nullptr : get_namespace_name(get_rel_namespace(relation));
        if (schema == nullptr)
            ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
                            errmsg("relation with OID %u does not exist", relation)));
        return quote_qualified_identifier(schema, name);
    });
}

}  // namespace ppm
