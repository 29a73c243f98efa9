#include "pg/convert/unique.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/ddl/ddl.hpp"

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

constexpr char definition_query[] =
    "SELECT pg_get_indexdef(k.indexrelid), concat(' TABLESPACE ' || quote_ident(s.spcname)) "
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

// Goes over SQL that PostgreSQL has written, past what is in quotes.
class Scanner {
  public:
    explicit Scanner(const std::string& sql) : sql_{sql} {}

    // The position of the first character, outside of quotes, of which this is true.
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

// Of the end of the first list in parentheses.
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
    const Rows rows = query(
        "SELECT x.oid, k.indrelid = $1 AND k.indisunique, k.indisvalid FROM pg_class x "
        "JOIN pg_namespace n ON n.oid = x.relnamespace LEFT JOIN pg_index k ON k.indexrelid = "
        "x.oid "
        "WHERE n.nspname = $2 AND x.relname = $3",
        {oid_parameter(conversion.relation()), text_parameter(index.schema_name),
         text_parameter(index.built_name)});
    if (rows.count() == 0)
        return;
    index.is_taken = rows.is_null(0, 2) || !rows.boolean(0, 2);
    index.built = index.is_taken ? InvalidOid : rows.oid(0, 1);
    index.is_ready = !index.is_taken && rows.boolean(0, 3);
}

}  // namespace

std::vector<NarrowIndex> narrow_indexes(const Conversion& conversion) {
    const Rows rows = query(
        narrow_query, {oid_parameter(conversion.relation()), text_parameter(conversion.key())});
    std::vector<NarrowIndex> indexes;
    for (std::size_t row = 0; row < rows.count(); ++row) {
        NarrowIndex index{rows.oid(row, 1),
                          rows.string(row, 2),
                          rows.string(row, 3),
                          rows.string(row, 6),
                          std::nullopt,
                          rows.boolean(row, 4),
                          {},
                          InvalidOid,
                          false,
                          false};
        if (!rows.is_null(row, 5))
            index.constraint = rows.string(row, 5);
        index.built_name = name_to_build(index.name);
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

std::string build_statement(Oid index, const std::string& key, const std::string& built_name) {
    const Rows rows = query(definition_query, {oid_parameter(index)});
    if (rows.count() == 0)
        return {};
    const std::string definition = rows.string(0, 1);
    const std::size_t on = Scanner{definition}.find(
        [&](std::size_t i) { return definition.compare(i, 4, " ON ") == 0; });
    return with_tablespace(with_column("CREATE UNIQUE INDEX CONCURRENTLY " +
                                           identifier(built_name) + definition.substr(on),
                                       identifier(key)),
                           rows.string(0, 2));
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
    const Rows rows = query(comment_query, {oid_parameter(index.index)});
    for (std::size_t row = 0; row < rows.count(); ++row)
        statements.push_back(rows.string(row, 1));
    return statements;
}

std::string drop_built_statement(const NarrowIndex& index) {
    return "DROP INDEX " + identifier(index.schema_name) + "." + identifier(index.built_name);
}

}  // namespace ppm
