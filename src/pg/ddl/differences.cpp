#include "pg/ddl/differences.hpp"

#include "pg/bridge/scope.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/ddl/template.hpp"

namespace ppm {

namespace {

// What the queries below begin with: each partition, beside its parent. $1 are the parents.
constexpr char partitions_clause[] = R"(
    WITH partition AS (
        SELECT r.oid, r.reltablespace, r.relreplident, r.relkind = 'r' AS is_table, r.relpersistence, r.reloptions, r.reltoastrelid,
               p.relrowsecurity AND r.relkind <> 'f' AS row_security, r.relrowsecurity, p.relforcerowsecurity AND NOT r.relforcerowsecurity AS not_forced,
               p.oid AS parent, p.reltablespace AS tablespace, p.relreplident AS identity, p.relpersistence AS persistence
        FROM pg_inherits i JOIN pg_class r ON r.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
        WHERE i.inhparent = ANY ($1)))";

// Each query returns the parent, the partition, the code, and the actual and expected value, or a
// predicate and how to fix it. Tablespace 0 is the database's.
constexpr char differences_query[] = R"(,
    spaces AS (
        SELECT s.oid, s.spcname::text AS name FROM pg_tablespace s
        UNION ALL
        SELECT 0, s.spcname::text FROM pg_database d JOIN pg_tablespace s ON s.oid = d.dattablespace WHERE d.datname = current_database())
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
    SELECT parent, partition.oid, 'invalid_index',
           format('has index "%s", which is not valid', x.relname) ||
           CASE WHEN EXISTS (SELECT FROM pg_stat_progress_create_index b WHERE b.index_relid = k.indexrelid) THEN ' yet: it is being built' ELSE '' END,
           format('If nobody is making it right now: REINDEX INDEX CONCURRENTLY %s;', x.oid::regclass)
    FROM partition JOIN pg_index k ON k.indrelid = partition.oid AND NOT k.indisvalid JOIN pg_class x ON x.oid = k.indexrelid
    WHERE is_table)";

// Policies' expressions are compared by the parts of their trees that have a meaning: columns,
// operators, functions, values. Casts are left out: ppm's copies were written out and read again,
// which puts casts in other places. Writing the expressions out here would wait for locks. Column
// numbers count only if both tables have the same.
constexpr char policy_differences_query[] = R"(,
    policy AS (
        SELECT p.oid, p.polrelid, p.polname, p.polcmd, p.polpermissive, p.polroles,
               (SELECT string_agg(coalesce(
                           (SELECT string_agg(concat_ws(' ', m.token[1], m.token[2]), ',' ORDER BY m.number)
                            FROM regexp_matches(t.tree, ':(varno|varattno|varlevelsup|opno|funcid|aggfnoid|winfnoid|inputcollid|collOid|constisnull|constvalue|boolop|nulltesttype|booltesttype|subLinkType|useOr|relid|ctename|jointype|op|minmaxtype|fieldnum|paramid) ([^:{}()]*)', 'g')
                                 WITH ORDINALITY AS m(token, number)), '-'), '|' ORDER BY t.number)
                FROM (VALUES (1, p.polqual::text), (2, p.polwithcheck::text)) AS t(number, tree)) AS expressions
        FROM pg_policy p)
    SELECT parent, partition.oid, 'row_security_differs',
           format(CASE WHEN b.oid IS NULL THEN 'has no policy "%s", which its parent has' ELSE 'has another policy "%s" than its parent' END, a.polname),
           concat(CASE WHEN b.oid IS NOT NULL THEN format('In one transaction: DROP POLICY %I ON %s; and then ', a.polname, partition.oid::regclass) END,
                  format('CREATE POLICY %I ON %s, with what pg_policies shows for that of %s.', a.polname, partition.oid::regclass, parent::regclass))
    FROM partition JOIN policy a ON a.polrelid = parent LEFT JOIN policy b ON b.polrelid = partition.oid AND b.polname = a.polname
    WHERE row_security AND (b.oid IS NULL OR a.polcmd <> b.polcmd OR a.polpermissive <> b.polpermissive
                            OR NOT (a.polroles @> b.polroles AND a.polroles <@ b.polroles)
                            OR a.expressions <> b.expressions AND
                               CASE WHEN EXISTS (SELECT FROM pg_attribute x LEFT JOIN pg_attribute y ON y.attrelid = partition.oid AND y.attnum = x.attnum
                                                 WHERE x.attrelid = parent AND x.attnum > 0 AND NOT x.attisdropped AND x.attname IS DISTINCT FROM y.attname)
                                    THEN regexp_replace(a.expressions, 'varattno [0-9]+', '', 'g') <> regexp_replace(b.expressions, 'varattno [0-9]+', '', 'g')
                                    ELSE true END)
    UNION ALL
    -- One more lets more rows be seen; one more that is restrictive, fewer.
    SELECT parent, partition.oid, 'row_security_differs', format('has policy "%s", which its parent does not have', b.polname),
           format('DROP POLICY %I ON %s;', b.polname, partition.oid::regclass)
    FROM partition JOIN policy b ON b.polrelid = partition.oid
    WHERE row_security AND b.polpermissive AND NOT EXISTS (SELECT FROM pg_policy a WHERE a.polrelid = parent AND a.polname = b.polname))";

// $2 and $3 are the parents again, each with one of its options.
constexpr char storage_differences_query[] = R"(
    SELECT partition.parent, partition.oid, 'storage_options_differ', format('does not have %s, which partition_options asks for', o.option),
           format('ALTER TABLE %s SET (%s = %L);', partition.oid::regclass,
                  (SELECT string_agg(quote_ident(n.name), '.' ORDER BY n.number)
                   FROM unnest(string_to_array(split_part(o.option, '=', 1), '.')) WITH ORDINALITY AS n(name, number)),
                  substr(o.option, strpos(o.option, '=') + 1))
    FROM unnest($2, $3) AS o(parent, option) JOIN partition ON partition.parent = o.parent LEFT JOIN pg_class t ON t.oid = partition.reltoastrelid
    WHERE is_table AND NOT coalesce(CASE WHEN o.option LIKE 'toast.%' THEN t.oid IS NULL OR substr(o.option, 7) = ANY (t.reloptions)
                                         ELSE o.option = ANY (partition.reloptions) END, false)
      AND NOT EXISTS (SELECT FROM pg_partitioned_table d WHERE d.partrelid = partition.parent AND d.partdefid = partition.oid))";

constexpr char trigger_differences_query[] = R"(
    -- Those of row triggers and of foreign keys, which PostgreSQL has copied to the partition.
    SELECT parent, partition.oid, 'triggers_differ', format('has trigger "%s" %s, but its parent has it %s', b.tgname, s.state, f.state),
           format('ALTER TABLE %s %s TRIGGER %I;', partition.oid::regclass, f.clause, b.tgname)
    FROM pg_trigger b JOIN partition ON partition.oid = b.tgrelid JOIN pg_trigger a ON a.oid = b.tgparentid AND a.tgrelid = parent
    JOIN (VALUES ('O', 'enabled'), ('D', 'disabled'), ('R', 'enabled for replicas only'), ('A', 'always enabled')) AS s(letter, state) ON s.letter = b.tgenabled
    JOIN (VALUES ('O', 'enabled', 'ENABLE'), ('D', 'disabled', 'DISABLE'), ('R', 'enabled for replicas only', 'ENABLE REPLICA'),
                 ('A', 'always enabled', 'ENABLE ALWAYS')) AS f(letter, state, clause) ON f.letter = a.tgenabled
    WHERE a.tgenabled <> b.tgenabled)";

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

// A missing index is an error if it is the primary key; an invalid index is an error if nobody is
// building it.
bool is_mild(AnomalyCode code, const std::string& actual) {
    return (code == AnomalyCode::missing_index && actual.empty()) ||
           (code == AnomalyCode::invalid_index && actual.ends_with("it is being built"));
}

// Those of all tables of the database, which are few columns of one catalog.
struct Indexes {
    std::set<Oid> with_primary_key;
    std::set<Oid> with_invalid_index;
};

Indexes read_indexes() {
    Indexes indexes;
    for (const auto& [relation, is_primary, is_valid] :
         query("SELECT indrelid, indisprimary, indisvalid FROM pg_index "
               "WHERE indisprimary OR NOT indisvalid")
             .as<Oid, bool, bool>()) {
        if (is_primary)
            indexes.with_primary_key.insert(relation);
        if (!is_valid)
            indexes.with_invalid_index.insert(relation);
    }
    return indexes;
}

// Most partitions have a primary key, and the parent has none.
bool lacks_primary_key(const Parent& parent, const std::set<Oid>& with_primary_key) {
    if (with_primary_key.contains(parent.table->relation))
        return false;
    const auto has_one = [&](const Partition& partition) {
        return with_primary_key.contains(partition.relation);
    };
    const auto have = std::ranges::count_if(parent.partitions, has_one) +
                      (parent.default_partition && has_one(*parent.default_partition) ? 1 : 0);
    const auto all = std::ssize(parent.partitions) + (parent.default_partition ? 1 : 0);
    return have * 2 > all;
}

// The parents that can be managed, and their partitions, by OID.
struct Relations {
    std::vector<Oid> parents;
    std::map<Oid, Partition*> partitions;
    // Each option of each parent.
    std::vector<Oid> with_options;
    std::vector<std::string> options;
};

void add_parent(Relations& relations, Parent& parent) {
    relations.parents.push_back(parent.table->relation);
    for (const std::string& option : parent.configuration.partition_options) {
        relations.with_options.push_back(parent.table->relation);
        relations.options.push_back(option);
    }
    for (Partition& partition : parent.partitions)
        relations.partitions[partition.relation] = &partition;
    if (parent.default_partition)
        relations.partitions[parent.default_partition->relation] = &*parent.default_partition;
}

void add_differences(const Relations& relations, const Rows& rows) {
    for (auto& [parent, relation, name, actual, expected] :
         rows.as<Oid, Oid, std::string, std::string, std::string>()) {
        const AnomalyCode code = code_named(name);
        const bool mild = is_mild(code, actual);
        // Skips a partition that was attached after the partitions were read.
        if (const auto found = relations.partitions.find(relation);
            found != relations.partitions.end())
            found->second->differences.push_back(
                {code, std::move(actual), std::move(expected), mild});
    }
}

bool any_of(const std::vector<ManagedParent*>& parents, const auto& condition) {
    return std::ranges::any_of(parents,
                               [&](const ManagedParent* each) { return condition(*each); });
}

// Planning these queries takes longer than running them, so each is left out if a look at the
// catalog shows that it would find nothing.
void compare_all(const std::vector<ManagedParent*>& parents, const Relations& relations,
                 const std::set<Oid>& with_invalid_index) {
    const Parameter of_all = oid_array_parameter(relations.parents);
    const bool some_index_is_invalid = std::ranges::any_of(with_invalid_index, [&](Oid relation) {
        return relations.partitions.contains(relation) ||
               std::ranges::find(relations.parents, relation) != relations.parents.end();
    });
    if (some_index_is_invalid ||
        any_of(parents, [](const auto& each) { return each.may_have_differences; }))
        add_differences(relations,
                        query(std::string{partitions_clause} + differences_query, {of_all}));
    if (any_of(parents, [](const auto& each) { return each.common.row_security; }))
        add_differences(relations,
                        query(std::string{partitions_clause} + policy_differences_query, {of_all}));
    if (!relations.options.empty())
        add_differences(relations, query(std::string{partitions_clause} + storage_differences_query,
                                         {of_all, oid_array_parameter(relations.with_options),
                                          text_array_parameter(relations.options)}));
    if (any_of(parents, [](const auto& each) { return each.common.has_triggers; }))
        add_differences(
            relations, query(std::string{partitions_clause} + trigger_differences_query, {of_all}));
}

}  // namespace

void read_differences(std::vector<ManagedParent>& parents) {
    std::vector<ManagedParent*> valid;
    Relations relations;
    for (ManagedParent& managed : parents)
        if (validate(managed.parent).empty()) {
            valid.push_back(&managed);
            add_parent(relations, managed.parent);
        }
    if (valid.empty())
        return;
    // The queries are long and their tables are small: JIT compilation takes longer than running
    // them.
    LocalSettings settings;
    settings.set("jit", "off");
    const Indexes indexes = read_indexes();
    compare_all(valid, relations, indexes.with_invalid_index);
    for (const auto& [relation, partition] : relations.partitions)
        std::ranges::sort(partition->differences, {}, [](const Difference& each) {
            return std::pair{name_of(each.code), each.expected};
        });
    for (ManagedParent* const managed : valid) {
        Parent& parent = managed->parent;
        parent.lacks_primary_key = lacks_primary_key(parent, indexes.with_primary_key);
        read_template_differences(parent);
    }
}

}  // namespace ppm
