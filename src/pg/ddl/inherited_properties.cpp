#include "pg/ddl/inherited_properties.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/partition_options.hpp"
#include "pg/ddl/template.hpp"

namespace ppm {

namespace {

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
                WHERE a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped AND o.option_name IN ('n_distinct', 'n_distinct_inherited')),
               CASE WHEN r.relrowsecurity THEN 'ENABLE ROW LEVEL SECURITY' END,
               CASE WHEN r.relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END),
           quote_literal(obj_description(r.oid, 'pg_class'))
    FROM pg_class r WHERE r.oid = $1)";

// The kinds, where they are not all that there are; the columns and expressions; what the name is
// made of; the target and the comment.
constexpr char statistics_query[] = R"(
    SELECT CASE WHEN s.stxkind @> '{d,f,m}'::"char"[] OR s.stxkind <@ '{e}'::"char"[] THEN ''
                ELSE ' (' || (SELECT string_agg(CASE k WHEN 'd' THEN 'ndistinct' WHEN 'f' THEN 'dependencies' ELSE 'mcv' END, ', ' ORDER BY k)
                              FROM unnest(s.stxkind) AS k WHERE k IN ('d', 'f', 'm')) || ')' END,
           pg_get_statisticsobjdef_columns(s.oid),
           concat_ws('_', (SELECT string_agg(a.attname, '_' ORDER BY a.attnum) FROM pg_attribute a
                           WHERE a.attrelid = s.stxrelid AND a.attnum = ANY (s.stxkeys::smallint[])),
                     (SELECT string_agg('expr', '_') FROM unnest(pg_get_statisticsobjdef_expressions(s.oid)))),
           nullif(s.stxstattarget, -1)::text, quote_literal(obj_description(s.oid, 'pg_statistic_ext'))
    FROM pg_statistic_ext s WHERE s.stxrelid = $1 ORDER BY s.stxname)";

// Without its policies a table with row level security would show nobody anything once it is
// detached.
constexpr char policies_query[] = R"(
    SELECT concat('CREATE POLICY ', quote_ident(p.polname), ' ON ', $2,
                  CASE WHEN NOT p.polpermissive THEN ' AS RESTRICTIVE' END,
                  CASE p.polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT' WHEN 'w' THEN ' FOR UPDATE' WHEN 'd' THEN ' FOR DELETE' END,
                  (SELECT ' TO ' || string_agg(quote_ident(a.rolname), ', ' ORDER BY a.rolname) FROM pg_roles a WHERE a.oid = ANY (p.polroles))),
           p.polqual::text, p.polwithcheck::text,
           concat('COMMENT ON POLICY ', quote_ident(p.polname), ' ON ', $2, ' IS ') || quote_literal(obj_description(p.oid, 'pg_policy'))
    FROM pg_policy p WHERE p.polrelid = $1 ORDER BY p.polname)";

constexpr char storage_query[] = R"(
    SELECT concat(' USING ' || quote_ident(a.amname)), concat(' TABLESPACE ' || quote_ident(t.spcname))
    FROM pg_class r LEFT JOIN pg_am a ON a.oid = r.relam LEFT JOIN pg_tablespace t ON t.oid = r.reltablespace
    WHERE r.oid = $1)";

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

// Each with the partition, the code, what it is and what it should be, or how to mend it.
// Tablespace 0 is the database's. $2 and $3 are the parents' partition_options.
//
// Policies' expressions are compared by what of their trees has a meaning: columns, operators,
// functions, values. Casts are left out, because what is written out and read again, as ppm's
// copies are, has others in other places; to write them out here would wait for locks. Column
// numbers count only where both tables have the same.
constexpr char differences_query[] = R"(
    WITH spaces AS (
        SELECT s.oid, s.spcname::text AS name FROM pg_tablespace s
        UNION ALL
        SELECT 0, s.spcname::text FROM pg_database d JOIN pg_tablespace s ON s.oid = d.dattablespace WHERE d.datname = current_database()),
    partition AS (
        SELECT r.oid, r.reltablespace, r.relreplident, r.relkind = 'r' AS is_table, r.relpersistence, r.reloptions, r.reltoastrelid,
               p.relrowsecurity AND r.relkind <> 'f' AS row_security, r.relrowsecurity, p.relforcerowsecurity AND NOT r.relforcerowsecurity AS not_forced,
               p.oid AS parent, p.reltablespace AS tablespace, p.relreplident AS identity, p.relpersistence AS persistence
        FROM pg_inherits i JOIN pg_class r ON r.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
        WHERE i.inhparent = ANY ($1)),
    policy AS (
        SELECT p.oid, p.polrelid, p.polname, p.polcmd, p.polpermissive, p.polroles,
               (SELECT string_agg(coalesce(
                           (SELECT string_agg(concat_ws(' ', m.token[1], m.token[2]), ',' ORDER BY m.number)
                            FROM regexp_matches(t.tree, ':(varno|varattno|varlevelsup|opno|funcid|aggfnoid|winfnoid|inputcollid|collOid|constisnull|constvalue|boolop|nulltesttype|booltesttype|subLinkType|useOr|relid|ctename|jointype|op|minmaxtype|fieldnum|paramid) ([^:{}()]*)', 'g')
                                 WITH ORDINALITY AS m(token, number)), '-'), '|' ORDER BY t.number)
                FROM (VALUES (1, p.polqual::text), (2, p.polwithcheck::text)) AS t(number, tree)) AS expressions
        FROM pg_policy p)
    SELECT parent, oid, 'tablespace_differs',
           coalesce((SELECT name FROM spaces s WHERE s.oid = reltablespace), reltablespace::text),
           coalesce((SELECT name FROM spaces s WHERE s.oid = tablespace), tablespace::text)
    FROM partition WHERE is_table AND reltablespace <> tablespace
    UNION ALL
    SELECT parent, oid, 'replica_identity_differs',
           CASE relreplident WHEN 'd' THEN 'DEFAULT' WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE 'USING INDEX' END,
           CASE identity WHEN 'd' THEN 'DEFAULT' WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING'
                ELSE 'USING INDEX ' || coalesce(
                     (SELECT quote_ident(c.relname) FROM pg_index k JOIN pg_inherits h ON h.inhparent = k.indexrelid
                      JOIN pg_index j ON j.indexrelid = h.inhrelid JOIN pg_class c ON c.oid = j.indexrelid
                      WHERE k.indrelid = parent AND k.indisreplident AND j.indrelid = partition.oid), '...') END
    FROM partition
    -- Without its index, an identity by index is none, and new partitions have the default.
    WHERE is_table AND (identity <> 'i' OR EXISTS (SELECT FROM pg_index k WHERE k.indrelid = parent AND k.indisreplident))
      AND (relreplident <> identity OR identity = 'i' AND NOT EXISTS
          (SELECT FROM pg_index k JOIN pg_inherits h ON h.inhparent = k.indexrelid JOIN pg_index j ON j.indexrelid = h.inhrelid
           WHERE k.indrelid = parent AND k.indisreplident AND j.indrelid = partition.oid AND j.indisreplident))
    UNION ALL
    -- An index that every partition has is valid.
    SELECT parent, partition.oid, 'missing_index', CASE WHEN k.indisprimary THEN 'primary' ELSE '' END, format('%I.%I', n.nspname, x.relname)
    FROM partition JOIN pg_index k ON k.indrelid = parent AND NOT k.indisvalid
    JOIN pg_class x ON x.oid = k.indexrelid JOIN pg_namespace n ON n.oid = x.relnamespace
    WHERE is_table AND NOT EXISTS (SELECT FROM pg_inherits h JOIN pg_index j ON j.indexrelid = h.inhrelid
                                   WHERE h.inhparent = k.indexrelid AND j.indrelid = partition.oid)
    UNION ALL
    SELECT parent, oid, d.code, d.what, format(d.mend, oid::regclass)
    FROM partition, LATERAL (VALUES
        ('row_security_differs', row_security AND NOT relrowsecurity, 'has no row level security, which its parent has',
         'ALTER TABLE %s ENABLE ROW LEVEL SECURITY;'),
        ('row_security_differs', row_security AND not_forced, 'does not force row level security on its owner, as its parent does',
         'ALTER TABLE %s FORCE ROW LEVEL SECURITY;'),
        ('persistence_differs', is_table AND relpersistence = 'u' AND persistence <> 'u', 'is UNLOGGED: its rows are lost in a crash, and no standby has them',
         'ALTER TABLE %s SET LOGGED; which rewrites it, with readers and writers waiting.')) AS d(code, holds, what, mend)
    WHERE (row_security AND (NOT relrowsecurity OR not_forced) OR relpersistence = 'u') AND d.holds
    UNION ALL
    SELECT parent, partition.oid, 'row_security_differs',
           format(CASE WHEN b.oid IS NULL THEN 'has no policy "%s", which its parent has' ELSE 'has another policy "%s" than its parent' END, a.polname),
           concat(CASE WHEN b.oid IS NOT NULL THEN format('In one transaction: DROP POLICY %I ON %s; and then ', a.polname, partition.oid::regclass) END,
                  format('CREATE POLICY %I ON %s, with what pg_policies has of that of %s.', a.polname, partition.oid::regclass, parent::regclass))
    FROM partition JOIN policy a ON a.polrelid = parent LEFT JOIN policy b ON b.polrelid = partition.oid AND b.polname = a.polname
    WHERE row_security AND (b.oid IS NULL OR a.polcmd <> b.polcmd OR a.polpermissive <> b.polpermissive
                            OR NOT (a.polroles @> b.polroles AND a.polroles <@ b.polroles)
                            OR a.expressions <> b.expressions AND
                               CASE WHEN EXISTS (SELECT FROM pg_attribute x LEFT JOIN pg_attribute y ON y.attrelid = partition.oid AND y.attnum = x.attnum
                                                 WHERE x.attrelid = parent AND x.attnum > 0 AND NOT x.attisdropped AND x.attname IS DISTINCT FROM y.attname)
                                    THEN regexp_replace(a.expressions, 'varattno \d+', '', 'g') <> regexp_replace(b.expressions, 'varattno \d+', '', 'g')
                                    ELSE true END)
    UNION ALL
    -- One more lets more rows be seen; one more that is restrictive, fewer.
    SELECT parent, partition.oid, 'row_security_differs', format('has policy "%s", which its parent has not', b.polname),
           format('DROP POLICY %I ON %s;', b.polname, partition.oid::regclass)
    FROM partition JOIN policy b ON b.polrelid = partition.oid
    WHERE row_security AND b.polpermissive AND NOT EXISTS (SELECT FROM pg_policy a WHERE a.polrelid = parent AND a.polname = b.polname)
    UNION ALL
    SELECT parent, partition.oid, 'invalid_index',
           format('has index "%s", which is not valid', x.relname) ||
           CASE WHEN EXISTS (SELECT FROM pg_stat_progress_create_index b WHERE b.index_relid = k.indexrelid) THEN ' yet: it is being built' ELSE '' END,
           format('If nobody is making it right now: REINDEX INDEX CONCURRENTLY %s;', x.oid::regclass)
    FROM partition JOIN pg_index k ON k.indrelid = partition.oid AND NOT k.indisvalid JOIN pg_class x ON x.oid = k.indexrelid
    WHERE is_table
    UNION ALL
    -- Of the parent itself.
    SELECT parent, parent, 'missing_index', '', ''
    FROM partition JOIN pg_index k ON k.indrelid = partition.oid AND k.indisprimary
    WHERE NOT EXISTS (SELECT FROM pg_index p WHERE p.indrelid = parent AND p.indisprimary)
    GROUP BY parent HAVING count(*) * 2 > (SELECT count(*) FROM pg_inherits h WHERE h.inhparent = parent)
    UNION ALL
    SELECT partition.parent, partition.oid, 'storage_options_differ', format('does not have %s, as partition_options says', o.option),
           format('ALTER TABLE %s SET (%s = %L);', partition.oid::regclass,
                  (SELECT string_agg(quote_ident(n.name), '.' ORDER BY n.number)
                   FROM unnest(string_to_array(split_part(o.option, '=', 1), '.')) WITH ORDINALITY AS n(name, number)),
                  substr(o.option, strpos(o.option, '=') + 1))
    FROM unnest($2, $3) AS o(parent, option) JOIN partition ON partition.parent = o.parent LEFT JOIN pg_class t ON t.oid = partition.reltoastrelid
    WHERE is_table AND NOT coalesce(CASE WHEN o.option LIKE 'toast.%' THEN t.oid IS NULL OR substr(o.option, 7) = ANY (t.reloptions)
                                         ELSE o.option = ANY (partition.reloptions) END, false)
      AND NOT EXISTS (SELECT FROM pg_partitioned_table d WHERE d.partrelid = partition.parent AND d.partdefid = partition.oid)
    UNION ALL
    -- Those of row triggers and of foreign keys, which PostgreSQL has copied to the partition.
    SELECT parent, partition.oid, 'triggers_differ', format('has trigger "%s" %s, its parent %s', b.tgname, s.state, f.state),
           format('ALTER TABLE %s %s TRIGGER %I;', partition.oid::regclass, f.clause, b.tgname)
    FROM pg_trigger b JOIN partition ON partition.oid = b.tgrelid JOIN pg_trigger a ON a.oid = b.tgparentid AND a.tgrelid = parent
    JOIN (VALUES ('O', 'enabled'), ('D', 'disabled'), ('R', 'enabled for replicas only'), ('A', 'always enabled')) AS s(letter, state) ON s.letter = b.tgenabled
    JOIN (VALUES ('O', 'enabled', 'ENABLE'), ('D', 'disabled', 'DISABLE'), ('R', 'enabled for replicas only', 'ENABLE REPLICA'),
                 ('A', 'always enabled', 'ENABLE ALWAYS')) AS f(letter, state, clause) ON f.letter = a.tgenabled
    WHERE a.tgenabled <> b.tgenabled
    ORDER BY 2, 3, 5)";

AnomalyCode code_named(const std::string& name) {
    for (const AnomalyCode code :
         {AnomalyCode::tablespace_differs, AnomalyCode::replica_identity_differs,
          AnomalyCode::missing_index, AnomalyCode::row_security_differs,
          AnomalyCode::persistence_differs, AnomalyCode::invalid_index,
          AnomalyCode::storage_options_differ, AnomalyCode::triggers_differ})
        if (name_of(code) == name)
            return code;
    throw PpmError{ERRCODE_INTERNAL_ERROR, "unrecognized difference: " + name};
}

// A missing index is an error where it is the primary key, one that is not valid where nobody is
// building it.
bool is_mild(AnomalyCode code, const std::string& actual) {
    return (code == AnomalyCode::missing_index && actual.empty()) ||
           (code == AnomalyCode::invalid_index && actual.ends_with("it is being built"));
}

// An expression of the parent's as the partition's: where a subquery refers to the table by name,
// by that of the partition. pg_get_expr() knows only the parent's.
std::string expression_text(const std::string& tree, const Parent& parent,
                            const std::string& partition) {
    return call([&] {
        return deparse_expression(static_cast<Node*>(stringToNode(tree.c_str())),
                                  deparse_context_for(partition.c_str(), parent.table->relation),
                                  false, false);
    });
}

Oid relation_named(const std::string& schema_name, const std::string& name) {
    return call([&] {
        return get_relname_relid(name.c_str(), get_namespace_oid(schema_name.c_str(), true));
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

// As ChooseExtendedStatisticName() (statscmds.c), which LIKE goes by.
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
    const Rows rows = query(storage_query, {oid_parameter(parent.table->relation)});
    if (rows.count() == 0)
        return {};
    const auto name_of = [](const std::string& option) {
        return option.substr(0, option.find('='));
    };
    std::vector<std::string> all = parent.configuration.partition_options;
    for (const std::string& option : options)
        if (std::ranges::none_of(parent.configuration.partition_options, [&](const auto& each) {
                return name_of(each) == name_of(option);
            }))
            all.push_back(option);
    const std::string own = rows.string(0, 2);
    return rows.string(0, 1) + with_clause(all) + (own.empty() ? tablespace : own);
}

std::vector<std::string> property_statements(const Parent& parent, const std::string& partition) {
    const Rows rows = query(likeness_query, {oid_parameter(parent.table->relation)});
    std::vector<std::string> statements;
    if (rows.count() == 0)
        return statements;
    if (const std::string clauses = rows.string(0, 1); !clauses.empty())
        statements.push_back("ALTER TABLE " + partition + " " + clauses);
    if (!rows.is_null(0, 2))
        statements.push_back("COMMENT ON TABLE " + partition + " IS " + rows.string(0, 2));
    return statements;
}

// LIKE ... INCLUDING STATISTICS goes by column numbers, and fails, or takes other columns, where
// the parent has lost some: on 14 to 18 before the minor versions of May 2024 and April 2026.
std::vector<std::string> statistics_statements(const Parent& parent, const std::string& schema_name,
                                               const std::string& name) {
    std::vector<std::string> statements;
    const Rows rows = query(statistics_query, {oid_parameter(parent.table->relation)});
    std::set<std::string> taken;
    for (std::size_t row = 0; row < rows.count(); ++row) {
        const std::string statistics =
            identifier(schema_name) + "." +
            identifier(statistics_name(name, rows.string(row, 3), schema_name, taken));
        statements.push_back("CREATE STATISTICS " + statistics + rows.string(row, 1) + " ON " +
                             rows.string(row, 2) + " FROM " + identifier(schema_name) + "." +
                             identifier(name));
        if (!rows.is_null(row, 4))
            statements.push_back("ALTER STATISTICS " + statistics + " SET STATISTICS " +
                                 rows.string(row, 4));
        if (!rows.is_null(row, 5))
            statements.push_back("COMMENT ON STATISTICS " + statistics + " IS " +
                                 rows.string(row, 5));
    }
    return statements;
}

std::vector<std::string> policy_statements(const Parent& parent, const std::string& schema_name,
                                           const std::string& name) {
    const std::string partition = identifier(schema_name) + "." + identifier(name);
    const Rows rows =
        query(policies_query, {oid_parameter(parent.table->relation), text_parameter(partition)});
    std::vector<std::string> statements;
    for (std::size_t row = 0; row < rows.count(); ++row) {
        const auto clause = [&](const char* keyword, int column) {
            return rows.is_null(row, column)
                       ? ""
                       : keyword +
                             (" (" + expression_text(rows.string(row, column), parent, name)) + ")";
        };
        statements.push_back(rows.string(row, 1) + clause(" USING", 2) + clause(" WITH CHECK", 3));
        if (!rows.is_null(row, 4))
            statements.push_back(rows.string(row, 4));
    }
    return statements;
}

std::optional<std::string> replica_identity_statement(const Parent& parent,
                                                      const std::string& schema_name,
                                                      const std::string& name) {
    const Rows rows = query(identity_query, {oid_parameter(parent.table->relation),
                                             oid_parameter(relation_named(schema_name, name))});
    if (rows.count() == 0)
        return std::nullopt;
    const std::string index =
        rows.is_null(0, 3) ? chosen_name(name, rows.string(0, 1), rows.string(0, 2), schema_name)
                           : rows.string(0, 3);
    return "ALTER TABLE " + identifier(schema_name) + "." + identifier(name) +
           " REPLICA IDENTITY USING INDEX " + identifier(index);
}

void read_differences(std::vector<ManagedParent>& parents) {
    std::map<Oid, Partition*> partitions;
    std::map<Oid, Parent*> by_relation;
    std::vector<Oid> relations;
    std::vector<Oid> with_options;
    std::vector<std::string> options;
    for (ManagedParent& managed : parents) {
        Parent& parent = managed.parent;
        if (!validate(parent).empty())
            continue;
        relations.push_back(parent.table->relation);
        by_relation.emplace(parent.table->relation, &parent);
        for (const std::string& option : parent.configuration.partition_options) {
            with_options.push_back(parent.table->relation);
            options.push_back(option);
        }
        for (Partition& partition : parent.partitions)
            partitions[partition.relation] = &partition;
        if (parent.default_partition)
            partitions[parent.default_partition->relation] = &*parent.default_partition;
    }
    if (relations.empty())
        return;
    // The query is long and its tables are small: to compile it takes longer than to run it.
    LocalSettings settings;
    settings.set("jit", "off");
    const Rows rows =
        query(differences_query, {oid_array_parameter(relations), oid_array_parameter(with_options),
                                  text_array_parameter(options)});
    for (std::size_t row = 0; row < rows.count(); ++row) {
        const Oid relation = rows.oid(row, 2);
        if (const auto found = by_relation.find(relation);
            found != by_relation.end() && rows.oid(row, 1) == relation) {
            found->second->lacks_primary_key = true;
            continue;
        }
        const AnomalyCode code = code_named(rows.string(row, 3));
        const std::string actual = rows.string(row, 4);
        // One that was attached since the partitions were read is for the next time.
        if (const auto found = partitions.find(relation); found != partitions.end())
            found->second->differences.push_back(
                {code, actual, rows.string(row, 5), is_mild(code, actual)});
    }
    for (ManagedParent& managed : parents)
        if (validate(managed.parent).empty())
            read_template_differences(managed.parent);
}

}  // namespace ppm
