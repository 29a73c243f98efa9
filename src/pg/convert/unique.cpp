#include "pg/convert/unique.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/definitions.hpp"

namespace ppm {

namespace {

constexpr char narrow_query[] = R"(
    SELECT k.indexrelid, n.nspname, x.relname, k.indisprimary, pg_get_constraintdef(c.oid),
           (SELECT string_agg(pg_get_indexdef(k.indexrelid, s.number, false), ', ' ORDER BY s.number)
            FROM generate_series(1, k.indnkeyatts) AS s(number))
    FROM pg_index k JOIN pg_class x ON x.oid = k.indexrelid JOIN pg_namespace n ON n.oid = x.relnamespace
    LEFT JOIN pg_constraint c ON c.conindid = k.indexrelid AND c.conrelid = k.indrelid AND c.contype IN ('p', 'u')
    WHERE k.indrelid = $1 AND k.indisunique AND NOT k.indisexclusion
      AND NOT EXISTS (SELECT FROM generate_series(0, k.indnkeyatts - 1) AS s(number)
                      JOIN pg_attribute a ON a.attrelid = k.indrelid AND a.attnum = k.indkey[s.number] WHERE a.attname = $2)
    ORDER BY NOT k.indisprimary, x.relname)";

constexpr char tablespace_query[] =
    "SELECT concat(' TABLESPACE ' || quote_ident(s.spcname)) "
    "FROM pg_index k JOIN pg_class x ON x.oid = k.indexrelid "
    "LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace WHERE k.indexrelid = $1";

constexpr char comment_query[] = R"(
    SELECT format('COMMENT ON INDEX %I.%I IS %L', n.nspname, x.relname, obj_description(x.oid, 'pg_class'))
    FROM pg_class x JOIN pg_namespace n ON n.oid = x.relnamespace
    WHERE x.oid = $1 AND obj_description(x.oid, 'pg_class') IS NOT NULL
    UNION ALL
    SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', c.conname, c.conrelid::regclass, obj_description(c.oid, 'pg_constraint'))
    FROM pg_constraint c
    WHERE c.conindid = $1 AND c.contype IN ('p', 'u') AND obj_description(c.oid, 'pg_constraint') IS NOT NULL
    UNION ALL
    SELECT format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', k.indrelid::regclass, x.relname)
    FROM pg_index k JOIN pg_class x ON x.oid = k.indexrelid WHERE k.indexrelid = $1 AND k.indisreplident)";

// Scans SQL that PostgreSQL has written, and skips quoted parts.
class Scanner {
  public:
    explicit Scanner(const std::string& sql) : sql_{sql} {}

    // The position of the first unquoted character for which matches() is true.
    template <typename Matches>
    std::size_t find(Matches matches) const {
        char quote = '\0';
        for (std::size_t i = 0; i < sql_.size(); ++i) {
            const char each = sql_[i];
            if (quote != '\0')
                quote = each == quote ? '\0' : quote;
            else if (each == '"' || each == '\'')
                quote = each;
            else if (matches(i))
                return i;
        }
        return std::string::npos;
    }

  private:
    const std::string& sql_;
};

// The position of the end of the first list in parentheses.
std::size_t end_of_list(const std::string& sql) {
    int depth = 0;
    return Scanner{sql}.find([&](std::size_t i) {
        depth += sql[i] == '(' ? 1 : 0;
        return sql[i] == ')' && --depth == 0;
    });
}

std::string with_tablespace(const std::string& definition, const std::string& clause) {
    int depth = 0;
    const std::size_t condition = Scanner{definition}.find([&](std::size_t i) {
        depth += definition[i] == '(' ? 1 : definition[i] == ')' ? -1 : 0;
        return depth == 0 && definition.compare(i, 7, " WHERE ") == 0;
    });
    return condition == std::string::npos
               ? definition + clause
               : definition.substr(0, condition) + clause + definition.substr(condition);
}

std::string name_to_build(const std::string& name) {
    return call([&] { return makeObjectName(name.c_str(), nullptr, "ppm"); });
}

std::string deferral_of(const std::string& constraint) {
    std::string result;
    for (const char* const clause : {" DEFERRABLE", " INITIALLY DEFERRED"})
        if (constraint.find(clause, constraint.rfind(')')) != std::string::npos)
            result += clause;
    return result;
}

void look_for_built(const Conversion& conversion, NarrowIndex& index) {
    const auto found = query(
                           "SELECT x.oid, coalesce(k.indrelid = $1 AND k.indisunique, false), "
                           "coalesce(k.indisvalid, false) FROM pg_class x "
                           "JOIN pg_namespace n ON n.oid = x.relnamespace "
                           "LEFT JOIN pg_index k ON k.indexrelid = x.oid "
                           "WHERE n.nspname = $2 AND x.relname = $3",
                           {oid_parameter(conversion.relation()), text_parameter(index.schema_name),
                            text_parameter(index.built_name)})
                           .first<Oid, bool, bool>();
    if (!found)
        return;
    const auto [relation, is_unique_index, is_valid] = *found;
    index.is_taken = !is_unique_index;
    index.built = index.is_taken ? InvalidOid : relation;
    index.is_ready = !index.is_taken && is_valid;
}

}  // namespace

std::vector<NarrowIndex> narrow_indexes(const Conversion& conversion) {
    const Rows rows = query(
        narrow_query, {oid_parameter(conversion.relation()), text_parameter(conversion.key())});
    std::vector<NarrowIndex> indexes;
    for (const auto& [relation, schema_name, name, is_primary, constraint, columns] :
         rows.as<Oid, std::string, std::string, bool, std::optional<std::string>, std::string>()) {
        NarrowIndex index{relation,   schema_name,         name,       columns, constraint,
                          is_primary, name_to_build(name), InvalidOid, false,   false};
        look_for_built(conversion, index);
        indexes.push_back(std::move(index));
    }
    return indexes;
}

std::string with_column(const std::string& definition, const std::string& column) {
    const std::size_t end = end_of_list(definition);
    if (end == std::string::npos)
        throw PpmError{ERRCODE_INTERNAL_ERROR, "no columns in: " + definition};
    return definition.substr(0, end) + ", " + column + definition.substr(end);
}

std::string build_statement(Oid role, Oid index, const std::string& key,
                            const std::string& built_name) {
    const auto tablespace =
        query(tablespace_query, {oid_parameter(index)}).first_value<std::string>();
    if (!tablespace)
        return {};
    const std::string definition = index_definition(role, index);
    const std::size_t on = Scanner{definition}.find(
        [&](std::size_t i) { return definition.compare(i, 4, " ON ") == 0; });
    return with_tablespace(with_column("CREATE UNIQUE INDEX CONCURRENTLY " +
                                           identifier(built_name) + definition.substr(on),
                                       identifier(key)),
                           *tablespace);
}

std::vector<std::string> replace_statements(const Conversion& conversion,
                                            const NarrowIndex& index) {
    const std::string schema = identifier(index.schema_name) + ".";
    const std::string name = identifier(index.name);
    const std::string alter = "ALTER TABLE " + conversion.sql_name();
    std::vector<std::string> statements;
    if (index.constraint) {
        statements.push_back(alter + " DROP CONSTRAINT " + name);
        statements.push_back(alter + " ADD CONSTRAINT " + name +
                             (index.is_primary ? " PRIMARY KEY" : " UNIQUE") + " USING INDEX " +
                             identifier(index.built_name) + deferral_of(*index.constraint));
    } else {
        statements.push_back("DROP INDEX " + schema + name);
        statements.push_back("ALTER INDEX " + schema + identifier(index.built_name) +
                             " RENAME TO " + name);
    }
    std::ranges::move(query(comment_query, {oid_parameter(index.index)}).values<std::string>(),
                      std::back_inserter(statements));
    return statements;
}

std::string drop_built_statement(const NarrowIndex& index) {
    return "DROP INDEX " + identifier(index.schema_name) + "." + identifier(index.built_name);
}

}  // namespace ppm
