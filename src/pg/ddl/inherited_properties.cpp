#include "pg/ddl/inherited_properties.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/catalog/scan.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/definitions.hpp"
#include "pg/ddl/partition_options.hpp"

namespace ppm {

namespace {

// (obj_description() is written in SQL, and planned anew for each call.)
//
// The clauses of ALTER TABLE, and the comment. A statistics target is negative or null where it is
// the default.
constexpr char likeness_query[] = R"(
    SELECT concat_ws(', ',
               CASE r.relreplident WHEN 'f' THEN 'REPLICA IDENTITY FULL' WHEN 'n' THEN 'REPLICA IDENTITY NOTHING' END,
               (SELECT string_agg(format('ALTER COLUMN %I SET STATISTICS %s', a.attname, a.attstattarget), ', ' ORDER BY a.attnum)
                FROM pg_attribute a
                WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget >= 0),
               (SELECT string_agg(format('ALTER COLUMN %I SET (%I = %L)', a.attname, o.option_name, o.option_value), ', ' ORDER BY a.attnum, o.option_name)
                FROM pg_attribute a, pg_options_to_table(a.attoptions) o
                WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attoptions IS NOT NULL
                  AND o.option_name IN ('n_distinct', 'n_distinct_inherited')),
               CASE WHEN r.relrowsecurity THEN 'ENABLE ROW LEVEL SECURITY' END,
               CASE WHEN r.relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END),
           quote_literal((SELECT m.description FROM pg_description m WHERE m.objoid = r.oid AND m.classoid = 'pg_class'::regclass AND m.objsubid = 0))
    FROM pg_class r WHERE r.oid = $1)";

// The kinds, unless all kinds; the object; the columns' part of the name; the target and the
// comment.
constexpr char statistics_query[] = R"(
    SELECT CASE WHEN s.stxkind @> '{d,f,m}'::"char"[] OR s.stxkind <@ '{e}'::"char"[] THEN ''
                ELSE ' (' || (SELECT string_agg(CASE k WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies' ELSE 'mcv' END, ', ' ORDER BY k)
                              FROM unnest(s.stxkind) AS k WHERE k IN ('d', 'f', 'm')) || ')' END,
           s.oid,
           concat_ws('_', (SELECT string_agg(a.attname, '_' ORDER BY a.attnum) FROM pg_attribute a
                           WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys::smallint[])),
                     (SELECT string_agg('expr', '_') FROM unnest(pg_get_statisticsobjdef_expressions(s.oid)))),
           nullif(s.stxstattarget, -1)::text, quote_literal((SELECT m.description FROM pg_description m WHERE m.objoid = s.oid AND m.classoid = 'pg_statistic_ext'::regclass AND m.objsubid = 0))
    FROM pg_statistic_ext s WHERE s.stxrelid = $1 ORDER BY s.stxname)";

// Without its policies a table with row level security would show nobody anything once it is
// detached.
constexpr char policies_query[] = R"(
    SELECT concat('CREATE POLICY ', quote_ident(p.polname), ' ON ', $2,
                  CASE WHEN NOT p.polpermissive THEN ' AS RESTRICTIVE' END,
                  CASE p.polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT' WHEN 'w' THEN ' FOR UPDATE' WHEN 'd' THEN ' FOR DELETE' END,
                  (SELECT ' TO ' || string_agg(quote_ident(a.rolname), ', ' ORDER BY a.rolname) FROM pg_roles a WHERE a.oid = ANY (p.polroles))),
           p.polqual::text, p.polwithcheck::text,
           concat('COMMENT ON POLICY ', quote_ident(p.polname), ' ON ', $2, ' IS ') || quote_literal((SELECT m.description FROM pg_description m WHERE m.objoid = p.oid AND m.classoid = 'pg_policy'::regclass AND m.objsubid = 0))
    FROM pg_policy p WHERE p.polrelid = $1 ORDER BY p.polname)";

// The parent's index, its columns in order, what its name would end in (ChooseIndexName() in
// indexcmds.c), and the partition's index that is attached to it.
constexpr char identity_query[] = R"(
    SELECT (SELECT string_agg(a.attname, '_' ORDER BY k.number)
            FROM unnest(p.indkey::smallint[]) WITH ORDINALITY AS k(attnum, number)
            JOIN pg_attribute a ON a.attrelid = p.indrelid AND a.attnum = k.attnum
            WHERE k.number <= p.indnkeyatts),
           CASE WHEN p.indisprimary THEN 'pkey'
                WHEN EXISTS (SELECT FROM pg_constraint WHERE conindid = p.indexrelid AND contype = 'u') THEN 'key'
                ELSE 'idx' END,
           (SELECT r.relname FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid JOIN pg_class r ON r.oid = i.indexrelid
            WHERE h.inhparent = p.indexrelid AND i.indrelid = $2)
    FROM pg_index p JOIN pg_class t ON t.oid = p.indrelid
    WHERE p.indrelid = $1 AND p.indisreplident AND t.relreplident = 'i')";

// Whether the column has a statistics target or options. A target of -1, or null, is the default.
// May ereport.
bool has_column_properties(Oid relation, AttrNumber column) {
    const HeapTuple tuple =
        SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation), Int16GetDatum(column));
    if (!HeapTupleIsValid(tuple))
        return false;
    bool no_options = true;
    bool no_target = true;
    SysCacheGetAttr(ATTNUM, tuple, Anum_pg_attribute_attoptions, &no_options);
    const Datum target =
        SysCacheGetAttr(ATTNUM, tuple, Anum_pg_attribute_attstattarget, &no_target);
    // (Of its two types, the smaller one is enough for the sign.)
    const bool has_target = !no_target && DatumGetInt16(target) >= 0;
    ReleaseSysCache(tuple);
    return !no_options || has_target;
}

// Whether likeness_query would return something. May ereport.
bool has_properties(Oid relation) {
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        return false;
    const auto* const form = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
    const bool has_own = form->relreplident == REPLICA_IDENTITY_FULL ||
                         form->relreplident == REPLICA_IDENTITY_NOTHING || form->relrowsecurity ||
                         form->relforcerowsecurity;
    const int columns = form->relnatts;
    ReleaseSysCache(tuple);
    if (has_own || GetComment(relation, RelationRelationId, 0) != nullptr)
        return true;
    for (AttrNumber column = 1; column <= columns; ++column)
        if (has_column_properties(relation, column))
            return true;
    return false;
}

struct Storage {  // clauses, or empty
    std::string access_method;
    std::string tablespace;
};

Storage storage_of(Oid relation) {
    struct Names {
        const char* access_method = nullptr;
        const char* tablespace = nullptr;  // the database's has no name here
    };
    const Names names = call([=] {
        Names result;
        const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
        if (!HeapTupleIsValid(tuple))
            return result;
        const auto form = *reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple));
        ReleaseSysCache(tuple);
        if (const char* const name = get_am_name(form.relam); name != nullptr)
            result.access_method = quote_identifier(name);
        if (!OidIsValid(form.reltablespace))
            return result;
        if (const char* const name = get_tablespace_name(form.reltablespace); name != nullptr)
            result.tablespace = quote_identifier(name);
        return result;
    });
    Storage storage;
    if (names.access_method != nullptr)
        storage.access_method = std::string{" USING "} + names.access_method;
    if (names.tablespace != nullptr)
        storage.tablespace = std::string{" TABLESPACE "} + names.tablespace;
    return storage;
}

Oid relation_named(const std::string& schema_name, const std::string& name) {
    return call([&] {
        return get_relname_relid(name.c_str(), get_namespace_oid(schema_name.c_str(), true));
    });
}

bool has_identity_by_index(Oid relation) {
    return call([=] {
        const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
        if (!HeapTupleIsValid(tuple))
            return false;
        const char identity = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relreplident;
        ReleaseSysCache(tuple);
        return identity == REPLICA_IDENTITY_INDEX;
    });
}

std::string chosen_name(const std::string& table, const std::string& columns,
                        const std::string& label, const std::string& schema_name) {
    return call([&] {
        const bool is_constraint = label != "idx";
        const char* const addition = label == "pkey" ? nullptr : columns.c_str();
        return ChooseRelationName(table.c_str(), addition, label.c_str(),
                                  get_namespace_oid(schema_name.c_str(), false), is_constraint);
    });
}

// Works like ChooseExtendedStatisticName() (statscmds.c), which LIKE uses.
std::string statistics_name(const std::string& table, const std::string& columns,
                            const std::string& schema_name, std::set<std::string>& taken) {
    for (int number = 0;; ++number) {
        const std::string label = "stat" + (number == 0 ? "" : std::to_string(number));
        std::string chosen =
            call([&] { return makeObjectName(table.c_str(), columns.c_str(), label.c_str()); });
        const bool is_free = query(
                                 "SELECT FROM pg_statistic_ext s JOIN pg_namespace n "
                                 "ON n.oid = s.stxnamespace "
                                 "WHERE n.nspname = $1 AND s.stxname = $2",
                                 {text_parameter(schema_name), text_parameter(chosen)})
                                 .count() == 0;
        if (is_free && taken.insert(chosen).second)
            return chosen;
    }
}

}  // namespace

std::string storage_clauses(const Parent& parent) {
    return storage_clauses(parent, {}, {});
}

std::string storage_clauses(const Parent& parent, const std::vector<std::string>& options,
                            const std::string& tablespace) {
    const Storage own = storage_of(parent.table->relation);
    const auto name_of = [](const std::string& option) {
        return option.substr(0, option.find('='));
    };
    std::vector<std::string> all = parent.configuration.partition_options;
    for (const std::string& option : options)
        if (std::ranges::none_of(parent.configuration.partition_options, [&](const auto& each) {
                return name_of(each) == name_of(option);
            }))
            all.push_back(option);
    return own.access_method + with_clause(all) +
           (own.tablespace.empty() ? tablespace : own.tablespace);
}

std::vector<std::string> property_statements(const Parent& parent, const std::string& partition) {
    if (call([&] { return !has_properties(parent.table->relation); }))
        return {};
    const auto row = query(likeness_query, {oid_parameter(parent.table->relation)})
                         .first<std::string, std::optional<std::string>>();
    std::vector<std::string> statements;
    if (!row)
        return statements;
    const auto& [clauses, comment] = *row;
    if (!clauses.empty())
        statements.push_back("ALTER TABLE " + partition + " " + clauses);
    if (comment)
        statements.push_back("COMMENT ON TABLE " + partition + " IS " + *comment);
    return statements;
}

// LIKE ... INCLUDING STATISTICS goes by column numbers. If the parent has dropped columns, it fails
// or takes other columns: on 14 to 18 before the minor versions of May 2024 and April 2026.
std::vector<std::string> statistics_statements(const Parent& parent, const std::string& schema_name,
                                               const std::string& name) {
    const RelationId relation = parent.table->relation;
    if (!call([=] {
            return has_row(StatisticExtRelationId, StatisticExtRelidIndexId,
                           Anum_pg_statistic_ext_stxrelid, relation);
        }))
        return {};
    std::vector<std::string> statements;
    const std::string table = identifier(schema_name) + "." + identifier(name);
    const Rows rows = query(statistics_query, {oid_parameter(parent.table->relation)});
    std::set<std::string> taken;
    for (const auto& [kinds, object, of_name, target, comment] :
         rows.as<std::string, Oid, std::string, std::optional<std::string>,
                 std::optional<std::string>>()) {
        const std::string statistics =
            identifier(schema_name) + "." +
            identifier(statistics_name(name, of_name, schema_name, taken));
        statements.push_back(std::string{"CREATE STATISTICS "}
                                 .append(statistics)
                                 .append(kinds)
                                 .append(" ON ")
                                 .append(statistics_columns(parent.table->owner, object))
                                 .append(" FROM ")
                                 .append(table));
        if (target)
            statements.push_back("ALTER STATISTICS " + statistics + " SET STATISTICS " + *target);
        if (comment)
            statements.push_back("COMMENT ON STATISTICS " + statistics + " IS " + *comment);
    }
    return statements;
}

std::vector<std::string> policy_statements(const Parent& parent, const std::string& schema_name,
                                           const std::string& name) {
    const RelationId relation = parent.table->relation;
    if (!call([=] {
            return has_row(PolicyRelationId, PolicyPolrelidPolnameIndexId, Anum_pg_policy_polrelid,
                           relation);
        }))
        return {};
    const std::string partition = identifier(schema_name) + "." + identifier(name);
    const Rows rows =
        query(policies_query, {oid_parameter(parent.table->relation), text_parameter(partition)});
    std::vector<std::string> statements;
    const auto clause = [&](const char* keyword, const std::optional<std::string>& tree) {
        if (!tree)
            return std::string{};
        return keyword +
               (" (" + expression_definition(parent.table->owner, *tree, relation, name)) + ")";
    };
    for (const auto& [statement, condition, check, comment] :
         rows.as<std::string, std::optional<std::string>, std::optional<std::string>,
                 std::optional<std::string>>()) {
        statements.push_back(statement + clause(" USING", condition) +
                             clause(" WITH CHECK", check));
        if (comment)
            statements.push_back(*comment);
    }
    return statements;
}

std::optional<std::string> replica_identity_statement(const Parent& parent,
                                                      const std::string& schema_name,
                                                      const std::string& name) {
    if (!has_identity_by_index(parent.table->relation))
        return std::nullopt;
    const auto row = query(identity_query, {oid_parameter(parent.table->relation),
                                            oid_parameter(relation_named(schema_name, name))})
                         .first<std::string, std::string, std::optional<std::string>>();
    if (!row)
        return std::nullopt;
    const auto& [columns, label, own] = *row;
    const std::string index = own ? *own : chosen_name(name, columns, label, schema_name);
    return "ALTER TABLE " + identifier(schema_name) + "." + identifier(name) +
           " REPLICA IDENTITY USING INDEX " + identifier(index);
}

}  // namespace ppm
