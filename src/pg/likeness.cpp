#include "pg/likeness.hpp"

#include "pg/ddl.hpp"
#include "pg/partition_options.hpp"
#include "pg/spi.hpp"

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

// Each with the partition, the code, what it is and what it should be. Tablespace 0 is the
// database's.
constexpr char differences_query[] = R"(
    WITH spaces AS (
        SELECT s.oid, s.spcname::text AS name FROM pg_tablespace s
        UNION ALL
        SELECT 0, s.spcname::text FROM pg_database d JOIN pg_tablespace s ON s.oid = d.dattablespace WHERE d.datname = current_database()),
    partition AS (
        SELECT r.oid, r.reltablespace, r.relreplident, r.relkind = 'r' AS is_table,
               p.oid AS parent, p.reltablespace AS tablespace, p.relreplident AS identity
        FROM pg_inherits i JOIN pg_class r ON r.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
        WHERE i.inhparent = ANY ($1))
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
    SELECT parent, partition.oid, 'missing_index', '', format('%I.%I', n.nspname, x.relname)
    FROM partition JOIN pg_index k ON k.indrelid = parent AND NOT k.indisvalid
    JOIN pg_class x ON x.oid = k.indexrelid JOIN pg_namespace n ON n.oid = x.relnamespace
    WHERE is_table AND NOT EXISTS (SELECT FROM pg_inherits h JOIN pg_index j ON j.indexrelid = h.inhrelid
                                   WHERE h.inhparent = k.indexrelid AND j.indrelid = partition.oid)
    ORDER BY 2, 3, 5)";

AnomalyCode code_named(const std::string& name) {
    for (const AnomalyCode code :
         {AnomalyCode::tablespace_differs, AnomalyCode::replica_identity_differs,
          AnomalyCode::missing_index})
        if (name_of(code) == name)
            return code;
    throw PpmError{ERRCODE_INTERNAL_ERROR, "unknown difference: " + name};
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

}  // namespace

std::string storage_clauses(const Parent& parent) {
    const Rows rows = query(storage_query, {oid_parameter(parent.table->relation)});
    if (rows.count() == 0)
        return {};
    return rows.string(0, 1) + with_clause(parent.configuration.partition_options) +
           rows.string(0, 2);
}

std::vector<std::string> likeness_statements(const Parent& parent, const std::string& partition) {
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
    std::vector<Oid> relations;
    for (ManagedParent& managed : parents) {
        Parent& parent = managed.parent;
        if (!validate(parent).empty())
            continue;
        relations.push_back(parent.table->relation);
        for (Partition& partition : parent.partitions)
            partitions[partition.relation] = &partition;
        if (parent.default_partition)
            partitions[parent.default_partition->relation] = &*parent.default_partition;
    }
    if (relations.empty())
        return;
    const Rows rows = query(differences_query, {oid_array_parameter(relations)});
    for (std::size_t row = 0; row < rows.count(); ++row)
        // One that was attached since the partitions were read is for the next time.
        if (const auto found = partitions.find(rows.oid(row, 2)); found != partitions.end())
            found->second->differences.push_back(
                {code_named(rows.string(row, 3)), rows.string(row, 4), rows.string(row, 5)});
}

}  // namespace ppm
