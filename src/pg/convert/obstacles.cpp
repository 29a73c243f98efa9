#include "pg/convert/obstacles.hpp"

#include "core/grid/naming.hpp"
#include "core/plan/removal.hpp"
#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/run/plan.hpp"

namespace ppm {

namespace {

// Objects that refer by OID to the table, its row type, or one of its constraints, indexes or
// identities, and that the conversion does not carry over: they would go on meaning the old table.
// Objects of unforeseen kinds count, too, as pg_describe_object() describes them.
constexpr char dependents_query[] = R"(
    WITH own_constraint AS (SELECT c.oid FROM pg_constraint c WHERE c.conrelid = $1),
    own_index AS (SELECT k.indexrelid AS oid FROM pg_index k WHERE k.indrelid = $1),
    own_sequence AS (
        SELECT d.objid AS oid, d.deptype FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.deptype IN ('a', 'i')),
    row_type AS (
        SELECT t.oid, t.typarray FROM pg_type t WHERE t.typrelid = $1),
    part AS (
        SELECT 'pg_class'::regclass::oid AS class, $1 AS oid, 'table' AS kind
        UNION ALL SELECT 'pg_constraint'::regclass, oid, 'constraint' FROM own_constraint
        UNION ALL SELECT 'pg_class'::regclass, oid, 'index' FROM own_index
        UNION ALL SELECT 'pg_class'::regclass, oid, 'identity' FROM own_sequence WHERE deptype = 'i'
        UNION ALL SELECT 'pg_type'::regclass, unnest(ARRAY[oid, typarray]), 'row type' FROM row_type),
    dependent AS (
        SELECT DISTINCT d.classid, d.objid, p.kind
        FROM part p JOIN pg_depend d ON d.refclassid = p.class AND d.refobjid = p.oid
        WHERE NOT CASE d.classid
            WHEN 'pg_class'::regclass THEN
                d.objid IN (SELECT oid FROM own_index UNION ALL SELECT oid FROM own_sequence UNION ALL SELECT reltoastrelid FROM pg_class WHERE oid = $1)
                OR d.objid = $1
                -- Inheritance is looked at by itself.
                OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = $1 AND i.inhrelid = d.objid)
            WHEN 'pg_constraint'::regclass THEN d.objid IN (SELECT oid FROM own_constraint) AND NOT EXISTS
                (SELECT FROM pg_constraint c WHERE c.oid = d.objid AND c.contype = 'f' AND c.confrelid = $1)
            WHEN 'pg_attrdef'::regclass THEN EXISTS (SELECT FROM pg_attrdef a WHERE a.oid = d.objid AND a.adrelid = $1)
            WHEN 'pg_trigger'::regclass THEN EXISTS (SELECT FROM pg_trigger t WHERE t.oid = d.objid AND (t.tgrelid = $1 OR t.tgisinternal))
            WHEN 'pg_policy'::regclass THEN EXISTS (SELECT FROM pg_policy o WHERE o.oid = d.objid AND o.polrelid = $1)
            WHEN 'pg_statistic_ext'::regclass THEN EXISTS (SELECT FROM pg_statistic_ext s WHERE s.oid = d.objid AND s.stxrelid = $1)
            WHEN 'pg_publication_rel'::regclass THEN EXISTS (SELECT FROM pg_publication_rel r WHERE r.oid = d.objid AND r.prrelid = $1)
            WHEN 'pg_type'::regclass THEN d.objid IN (SELECT unnest(ARRAY[oid, typarray]) FROM row_type)
            -- A plain view of the table's columns is written anew.
            WHEN 'pg_rewrite'::regclass THEN p.kind = 'table' AND EXISTS
                (SELECT FROM pg_rewrite w JOIN pg_class v ON v.oid = w.ev_class WHERE w.oid = d.objid AND v.relkind = 'v' AND w.rulename = '_RETURN')
            ELSE false END)
    SELECT concat(upper(left(x.what, 1)), substr(x.what, 2), CASE d.kind WHEN 'table' THEN ' refers to the table'
                  ELSE format(' refers to the table''s %s', d.kind) END, ': after the conversion it would still refer to the old table.'),
           CASE WHEN c.contype = 'f' THEN
               format('ALTER TABLE %s DROP CONSTRAINT %I; after the conversion a foreign key can refer to a unique key that has the partition key in it.', c.conrelid::regclass, c.conname)
           WHEN w.ev_class = $1 THEN format('DROP RULE %I ON %s; ppm.convert() does not keep rules, but a trigger might do the same.', w.rulename, $1::regclass)
           WHEN v.relkind = 'm' THEN format('DROP MATERIALIZED VIEW %s; create it again after the conversion.', v.oid::regclass)
           WHEN w.oid IS NOT NULL THEN format('Drop it, and create it again after the conversion: SELECT pg_get_viewdef(%L); shows its query.', v.oid::regclass)
           ELSE format('Drop %s, and create it again after the conversion.', x.what) END
    FROM dependent d CROSS JOIN LATERAL (SELECT pg_describe_object(d.classid, d.objid, 0) AS what) AS x
    LEFT JOIN pg_constraint c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
    LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
    LEFT JOIN pg_class v ON v.oid = w.ev_class
    -- A materialized view is told of once, as the table's.
    WHERE x.what IS NOT NULL AND NOT (d.kind <> 'table' AND EXISTS
        (SELECT FROM dependent o WHERE o.classid = d.classid AND o.objid = d.objid AND o.kind = 'table'))
    ORDER BY 1)";

// Properties of the table that a partitioned table or a partition cannot have. $2 is the key.
constexpr char features_query[] = R"(
    SELECT f.what, f.mend FROM pg_class r CROSS JOIN LATERAL (
        SELECT format('The table is unlogged, and a partitioned table cannot be.') AS what,
               format('ALTER TABLE %s SET LOGGED; which rewrites it, with readers and writers waiting.', r.oid::regclass) AS mend
        WHERE r.relpersistence = 'u'
        UNION ALL
        SELECT 'The table is a partition of another one.', 'Detach it from that table first.' WHERE r.relispartition
        UNION ALL
        SELECT format('The table inherits from %s.', i.inhparent::regclass), format('ALTER TABLE %s NO INHERIT %s;', r.oid::regclass, i.inhparent::regclass)
        FROM pg_inherits i WHERE i.inhrelid = r.oid AND NOT r.relispartition
        UNION ALL
        SELECT format('Table %s inherits from the table.', i.inhrelid::regclass), format('ALTER TABLE %s NO INHERIT %s;', i.inhrelid::regclass, r.oid::regclass)
        FROM pg_inherits i WHERE i.inhparent = r.oid
        UNION ALL
        SELECT format('The table is of type %s.', format_type(r.reloftype, NULL)), format('ALTER TABLE %s NOT OF;', r.oid::regclass) WHERE r.reloftype <> 0
        UNION ALL
        SELECT format('The table''s access method is %s.', m.amname), 'Only tables of access method heap can be converted.'
        FROM pg_am m WHERE m.oid = r.relam AND m.amname <> 'heap'
        UNION ALL
        SELECT format('The table belongs to extension %s.', e.extname), format('ALTER EXTENSION %I DROP TABLE %s;', e.extname, r.oid::regclass)
        FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        UNION ALL
        SELECT format('Exclusion constraint %I does not compare the partition key for equality.', c.conname), format('ALTER TABLE %s DROP CONSTRAINT %I;', r.oid::regclass, c.conname)
        FROM pg_constraint c JOIN pg_index k ON k.indexrelid = c.conindid AND k.indisexclusion
        WHERE c.conrelid = r.oid AND c.contype IN ('x', 'p', 'u')
          AND (current_setting('server_version_num')::int < 170000 OR NOT EXISTS (
                  SELECT FROM unnest(c.conkey, c.conexclop) AS e(attnum, operator) JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = e.attnum
                  JOIN pg_operator o ON o.oid = e.operator WHERE a.attname = $2 AND o.oprname = '='))
        UNION ALL
        SELECT format('Constraint %I is not valid.', c.conname), format('ALTER TABLE %s VALIDATE CONSTRAINT %I;', r.oid::regclass, c.conname)
        FROM pg_constraint c
        WHERE c.conrelid = r.oid AND c.conname <> $3 AND (NOT c.convalidated OR coalesce(to_jsonb(c) ->> 'conenforced', 'true') <> 'true')
        UNION ALL
        SELECT format('Constraint %I is NO INHERIT: partitions would not have it.', c.conname),
               format('ALTER TABLE %s DROP CONSTRAINT %I; then add it without NO INHERIT.', r.oid::regclass, c.conname)
        FROM pg_constraint c WHERE c.conrelid = r.oid AND c.contype IN ('c', 'n') AND c.connoinherit
        UNION ALL
        SELECT format('Index %s is not valid.', k.indexrelid::regclass), format('REINDEX INDEX CONCURRENTLY %s; or drop the index.', k.indexrelid::regclass)
        FROM pg_index k JOIN pg_class x ON x.oid = k.indexrelid WHERE k.indrelid = r.oid AND NOT k.indisvalid AND x.relname NOT LIKE '%\_ppm'
        UNION ALL
        SELECT format('Trigger %I of a foreign key is disabled.', t.tgname), format('ALTER TABLE %s ENABLE TRIGGER ALL;', r.oid::regclass)
        FROM pg_trigger t WHERE t.tgrelid = r.oid AND t.tgisinternal AND t.tgenabled <> 'O'
        UNION ALL
        SELECT format('Trigger %I is FOR EACH ROW with transition tables, which partitions cannot have.', t.tgname),
               format('DROP TRIGGER %I ON %s; a trigger FOR EACH STATEMENT can have transition tables.', t.tgname, r.oid::regclass)
        FROM pg_trigger t WHERE t.tgrelid = r.oid AND NOT t.tgisinternal AND t.tgtype & 1 = 1 AND (t.tgoldtable IS NOT NULL OR t.tgnewtable IS NOT NULL)
        UNION ALL
        -- BEFORE, INSERT, ROW. Only a function in PL/pgSQL can be read, and only one that sets single columns.
        SELECT format('Trigger %I might set the partition key before a row is inserted. By then PostgreSQL has chosen the partition.', t.tgname),
               format('DROP TRIGGER %I ON %s; a DEFAULT of column %I might do the same.', t.tgname, r.oid::regclass, $2)
        FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
        WHERE t.tgrelid = r.oid AND NOT t.tgisinternal AND t.tgtype & 7 = 7
          AND (l.lanname <> 'plpgsql' OR strpos(lower(p.prosrc), lower($2)) > 0 OR p.prosrc ~* '[[:<:]]new[[:space:]]*:?=' OR p.prosrc ~* '[[:<:]]into[[:space:]]+(strict[[:space:]]+)?new[[:>:]]')
        UNION ALL
        SELECT format('Publication %I publishes the table without publish_via_partition_root: subscribers would get rows of partitions that they might not have.', b.pubname),
               format('ALTER PUBLICATION %I SET (publish_via_partition_root = true);', b.pubname)
        FROM pg_publication b WHERE NOT b.pubviaroot AND EXISTS
            (SELECT FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname
             WHERE p.pubname = b.pubname AND n.oid = r.relnamespace AND p.tablename = r.relname)
        UNION ALL
        SELECT 'A subscription of this database writes to the table.', 'Drop the table from the subscription.' WHERE EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid = r.oid)
        UNION ALL
        SELECT 'The table, or a column of it, has a security label.', 'Set the label to NULL, and set it again after the conversion.'
        WHERE EXISTS (SELECT FROM pg_seclabel s WHERE s.classoid = 'pg_class'::regclass AND s.objoid = r.oid)
        UNION ALL
        SELECT format('%s depends on extension %I by ALTER ... DEPENDS ON EXTENSION.', pg_describe_object(d.classid, d.objid, 0), e.extname),
               'Use ALTER ... NO DEPENDS ON EXTENSION now, and ALTER ... DEPENDS ON EXTENSION again after the conversion.'
        FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.deptype = 'x' AND d.refclassid = 'pg_extension'::regclass
          AND (d.classid = 'pg_trigger'::regclass AND d.objid IN (SELECT oid FROM pg_trigger WHERE tgrelid = r.oid)
               OR d.classid = 'pg_class'::regclass AND d.objid IN (SELECT indexrelid FROM pg_index WHERE indrelid = r.oid))
        UNION ALL
        SELECT format('Statistics object %I belongs to another role than the table.', s.stxname),
               format('ALTER STATISTICS %I.%I OWNER TO %I;', n.nspname, s.stxname, pg_get_userbyid(r.relowner))
        FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = r.oid AND s.stxowner <> r.relowner
        UNION ALL
        SELECT format('The table''s owner, %I, may not create tables in schema %I.', pg_get_userbyid(r.relowner), n.nspname),
               format('GRANT CREATE ON SCHEMA %I TO %I;', n.nspname, pg_get_userbyid(r.relowner))
        FROM pg_namespace n WHERE n.oid = r.relnamespace AND NOT has_schema_privilege(r.relowner, n.oid, 'CREATE')) AS f
    WHERE r.oid = $1 ORDER BY 1)";

// What belongs to other roles, and would be changed as these roles.
constexpr char others_query[] = R"(
    SELECT f.what, f.mend FROM pg_class r CROSS JOIN LATERAL (
        SELECT format('Publication %I publishes the table. Neither its owner, %I, nor the owner of the table has the privileges of the other.', b.pubname, pg_get_userbyid(b.pubowner)) AS what,
               format('ALTER PUBLICATION %I OWNER TO %I;', b.pubname, pg_get_userbyid(r.relowner)) AS mend
        FROM pg_publication b JOIN pg_publication_rel p ON p.prpubid = b.oid
        WHERE p.prrelid = r.oid AND NOT pg_has_role(r.relowner, b.pubowner, 'USAGE') AND NOT pg_has_role(b.pubowner, r.relowner, 'USAGE')
        UNION ALL
        SELECT format('View %s of the table belongs to %I, and you do not have the privileges of that role.', v.oid::regclass, pg_get_userbyid(v.relowner)),
               'Call this as a role that has them, or drop the view and create it again after the conversion.'
        FROM pg_class v WHERE v.relkind = 'v' AND NOT pg_has_role(v.relowner, CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END)
          AND EXISTS (SELECT FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
                      WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid AND w.ev_class = v.oid)) AS f
    WHERE r.oid = $1 ORDER BY 1)";

constexpr char warnings_query[] = R"(
    SELECT f.what, f.mend FROM pg_class r CROSS JOIN LATERAL (
        SELECT format('Trigger function %s uses the name of its table. After the conversion it gets the name of the partition, for each row.', t.tgfoid::regprocedure) AS what,
               'If it needs the name of the partitioned table, pass that as an argument of the trigger.' AS mend
        FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid = r.oid AND NOT t.tgisinternal AND t.tgtype & 1 = 1 AND p.prosrc ~* '[[:<:]]tg_(table_name|relname|relid)[[:>:]]'
        UNION ALL
        SELECT format('The table has storage parameters, {%s}, which a partitioned table cannot have.', array_to_string(r.reloptions, ',')),
               format('For new partitions: UPDATE ppm.config SET partition_options = %L WHERE schema_name = %L AND table_name = %L;', r.reloptions, n.nspname, r.relname)
        FROM pg_namespace n WHERE n.oid = r.relnamespace AND r.reloptions IS NOT NULL
          AND NOT EXISTS (SELECT FROM ppm.config c WHERE c.schema_name = n.nspname AND c.table_name = r.relname AND c.partition_options @> r.reloptions)) AS f
    WHERE r.oid = $1 ORDER BY 1)";

void add(std::vector<Finding>& findings, const Rows& rows) {
    for (const auto& [what, mend] : rows.as<std::string, std::string>())
        findings.push_back({what, mend});
}

// Obstacles in the row of ppm.config, and in the column that it names.
std::vector<Finding> obstacles_in_configuration(const Conversion& conversion) {
    const Configuration& configuration = conversion.managed.parent.configuration;
    if (!conversion.is_plain_table)
        return {{"The relation is not a plain table.", "Only a plain table can be converted."}};
    if (conversion.managed.parent.table->is_distributed)
        return {{"The table is distributed by Citus.",
                 "Convert it first, then distribute it: SELECT undistribute_table(...), CALL "
                 "ppm.convert(...), SELECT create_distributed_table(...)."}};
    if (!configuration.partition_key)
        return {{"The row of the table in ppm.config has no partition_key.",
                 "UPDATE ppm.config SET partition_key = ... WHERE schema_name = " +
                     literal(conversion.schema_name()) +
                     " AND table_name = " + literal(conversion.name()) + ";"}};
    if (!conversion.has_key)
        return {{"The table has no column " + in_quotes(*configuration.partition_key) + ".",
                 "Correct partition_key in ppm.config."}};
    std::vector<Finding> findings;
    for (const Anomaly& anomaly : validate(conversion.managed.parent))
        findings.push_back({anomaly.detail, anomaly.hint});
    if (conversion.key_is_generated)
        findings.push_back({"The column " + in_quotes(conversion.key()) +
                                " is generated, so it cannot be a partition key.",
                            "Set partition_key in ppm.config to another column."});
    return findings;
}

std::string call_with_extension(const Conversion& conversion) {
    return "CALL ppm.convert(" + literal(conversion.sql_name()) + ", extend_unique => true);";
}

void add(std::vector<Finding>& findings, const Conversion& conversion, const NarrowIndex& index,
         bool extend_unique) {
    const std::string name = in_quotes(index.schema_name + "." + index.name);
    if (index.is_taken)
        findings.push_back({"Index " + name + " would be built again as " +
                                in_quotes(index.built_name) +
                                ", but another relation has that name.",
                            "Rename the relation that has this name."});
    else if (!extend_unique)
        findings.push_back(
            {"Unique index " + name +
                 " lacks the partition key: a unique index of a partitioned table must include it.",
             "If it can be unique over (" + index.columns + ", " + identifier(conversion.key()) +
                 ") instead: " + call_with_extension(conversion)});
}

}  // namespace

std::vector<Finding> objects_of_others(Oid relation) {
    std::vector<Finding> findings;
    add(findings, query(others_query, {oid_parameter(relation)}));
    return findings;
}

std::vector<Finding> obstacles_to(const Conversion& conversion,
                                  const std::vector<NarrowIndex>& indexes, bool extend_unique) {
    std::vector<Finding> findings = obstacles_in_configuration(conversion);
    if (!conversion.is_plain_table || !conversion.has_key)
        return findings;
    const Oid relation = conversion.relation();
    add(findings, query(dependents_query, {oid_parameter(relation)}));
    add(findings, query(features_query, {oid_parameter(relation), text_parameter(conversion.key()),
                                         text_parameter(std::string{conversion_check})}));
    std::ranges::move(objects_of_others(relation), std::back_inserter(findings));
    for (const NarrowIndex& index : indexes)
        add(findings, conversion, index, extend_unique);
    return findings;
}

std::vector<Finding> obstacles_in_keys(const Conversion& conversion, const Keys& keys,
                                       Position end) {
    std::vector<Finding> findings;
    const ManagedParent& managed = conversion.managed;
    const std::string key = identifier(conversion.key());
    const auto text = [&](Bound bound) {
        return bound_text(bound, *managed.parent.table->key_type, *managed.zone);
    };
    if (keys.has_null)
        findings.push_back({"There are rows whose key is NULL.",
                            "DELETE FROM " + conversion.sql_name() + " WHERE " + key +
                                " IS NULL; or give them a key."});
    if (key_of(managed.parent).counts() && keys.is_locked)
        findings.push_back({"Another session has locked the table, so its keys cannot be read.",
                            "Call this again when the transaction of that session has ended."});
    else if (key_of(managed.parent).counts() && !keys.has_index)
        findings.push_back(
            {"No index begins with the key " + in_quotes(conversion.key()) +
                 ", so ppm cannot see how fast its values grow.",
             "CREATE INDEX CONCURRENTLY ON " + conversion.sql_name() + " (" + key + ");"});
    else if (keys.without_time)
        findings.push_back(
            {"A row has the key " + text(*keys.without_time) + ", which does not tell the time.",
             "Only a " + key_noun(codec_of(managed)) + " tells the time."});
    else if (key_of(managed.parent).counts()
                 ? codec_of(managed).encode(end).kind() != Bound::Kind::value
                 : end >= Position{calendar_end})
        findings.push_back({"The greatest key is " + text(*keys.greatest) +
                                ": the old table would have to hold everything until then.",
                            "Delete such rows from " + conversion.sql_name() +
                                ", or give them a key of their time."});
    if (!findings.empty())
        return findings;
    const std::string name = old_name(conversion, end);
    if (name.size() > max_name_bytes)
        findings.push_back({"The old table's name would be " + in_quotes(name) +
                                ", but PostgreSQL allows only " + std::to_string(max_name_bytes) +
                                " bytes.",
                            "Rename the table to a shorter name."});
    else if (relation_exists(conversion.schema_name(), name))
        findings.push_back({"The old table's name would be " + in_quotes(name) +
                                ", but another relation has that name.",
                            "Rename the relation that has this name."});
    return findings;
}

std::vector<Finding> warnings_of(const Conversion& conversion,
                                 const std::vector<NarrowIndex>& indexes) {
    std::vector<Finding> findings;
    findings.reserve(indexes.size());
    for (const NarrowIndex& index : indexes)
        findings.push_back({"With extend_unique, unique index " +
                                in_quotes(index.schema_name + "." + index.name) +
                                " gets the partition key: ON CONFLICT (" + index.columns +
                                ") no longer matches it, and " + index.columns +
                                " alone need no longer be unique.",
                            "Change such statements to ON CONFLICT (" + index.columns + ", " +
                                identifier(conversion.key()) + ") at the same time."});
    add(findings, query(warnings_query, {oid_parameter(conversion.relation())}));
    return findings;
}

}  // namespace ppm
