#include "pg/ddl/template.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/definitions.hpp"
#include "pg/ddl/inherited_properties.hpp"

namespace ppm {

namespace {

constexpr char clauses_query[] = R"(
    SELECT r.relpersistence = 'u' AND r.relkind = 'r',
           r.relkind = 'p',
           r.reloptions || ARRAY (SELECT 'toast.' || o FROM pg_class t, unnest(t.reloptions) o WHERE t.oid = r.reltoastrelid),
           concat(' TABLESPACE ' || quote_ident(s.spcname))
    FROM pg_class r LEFT JOIN pg_tablespace s ON s.oid = r.reltablespace WHERE r.oid = $1)";

// Each table below the template, with the table above it, and its name without the template's.
constexpr char below_query[] = R"(
    WITH RECURSIVE tree AS (
        SELECT r.oid, r.relname AS root, '' COLLATE "C" AS suffix, '' COLLATE "C" AS above, ARRAY[0::bigint] AS place, r.relpartbound, r.relkind
        FROM pg_class r WHERE r.oid = $1
        UNION ALL
        SELECT r.oid, t.root,
               CASE WHEN starts_with(r.relname, concat(t.root, '_')) THEN substr(r.relname, length(t.root) + 1) ELSE concat('_', r.relname) END COLLATE "C",
               t.suffix, t.place || r.oid::bigint, r.relpartbound, r.relkind
        FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid JOIN pg_class r ON r.oid = i.inhrelid)
    SELECT oid, suffix, above, pg_get_expr(relpartbound, oid)
    FROM tree WHERE oid <> $1 ORDER BY place)";

// What the template has, but neither the parent nor a partition of $3. Two indexes are alike if
// their definitions are equal after the table's name. $4 is the partition's name for statements, if
// it does not exist yet: then $3 is 0. $5 are the template's indexes, keys and triggers, and $6
// their definitions for a statement. What a person is to execute is written for any search_path.
constexpr char additions_query[] = R"(
    WITH definition AS (SELECT * FROM unnest($5, $6) AS d(id, text)),
    index AS (
        SELECT x.indrelid, x.indisvalid, x.indisunique, i.relname, coalesce(c.contype::text, '') AS contype, c.oid AS con_oid,
               CASE WHEN c.oid IS NULL THEN substr(f.text, length(d.prefix) + 1) ELSE f.text END AS to_add,
               CASE WHEN starts_with(d.def, d.prefix) THEN substr(d.def, length(d.prefix) + 1) ELSE d.def END AS tail
        FROM pg_index x
        JOIN pg_class i ON i.oid = x.indexrelid
        JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
        LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid AND c.conrelid = x.indrelid AND c.contype IN ('p', 'u', 'x')
        LEFT JOIN definition f ON f.id = coalesce(c.oid, x.indexrelid),
        LATERAL (SELECT pg_get_indexdef(x.indexrelid) AS def,
                        concat('CREATE ', CASE WHEN x.indisunique THEN 'UNIQUE ' END, 'INDEX ', quote_ident(i.relname), ' ON ',
                               CASE WHEN i.relkind = 'I' THEN 'ONLY ' END, format('%I.%I ', n.nspname, t.relname)) AS prefix OFFSET 0) AS d
        WHERE x.indrelid = ANY ($3 || $1 || $2)),
    wanted AS (
        SELECT * FROM index a
        WHERE a.indrelid = $1 AND a.indisvalid
          AND NOT EXISTS (SELECT FROM index b WHERE b.indrelid = $2 AND (a.contype = 'p' AND b.contype = 'p'
                          OR b.indisunique = a.indisunique AND b.tail = a.tail AND b.contype = a.contype))),
    partition AS (
        SELECT p.oid, coalesce($4, format('%I.%I', n.nspname, r.relname)) AS name, coalesce(r.relkind = 'p', false) AS is_partitioned
        FROM unnest($3) AS p(oid) LEFT JOIN pg_class r ON r.oid = p.oid LEFT JOIN pg_namespace n ON n.oid = r.relnamespace),
    trigger AS (
        SELECT g.tgname, g.tgenabled, f.text AS def, pg_get_triggerdef(g.oid) AS told, format(' ON %I.%I ', n.nspname, t.relname) AS place
        FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid JOIN pg_namespace n ON n.oid = t.relnamespace LEFT JOIN definition f ON f.id = g.oid
        WHERE g.tgrelid = $1 AND NOT g.tgisinternal AND g.tgparentid = 0
          AND NOT EXISTS (SELECT FROM pg_trigger o WHERE o.tgrelid = $2 AND o.tgname = g.tgname)),
    missing AS (
        SELECT p.oid, p.name, t.* FROM partition p CROSS JOIN trigger t
        WHERE NOT EXISTS (SELECT FROM pg_trigger o WHERE o.tgrelid = p.oid AND o.tgname = t.tgname))
    SELECT oid, number = 1, what, statement, mend FROM (
        SELECT p.oid, 1 AS number, a.relname AS label,
               format(CASE a.contype WHEN 'p' THEN 'has no primary key like "%s" of its template' WHEN 'u' THEN 'has no unique key like "%s" of its template'
                                     ELSE 'has no index like "%s" of its template' END, a.relname) AS what,
               CASE a.contype WHEN '' THEN concat('CREATE ', CASE WHEN a.indisunique THEN 'UNIQUE ' END, 'INDEX ON ', p.name, ' ', a.to_add)
                    ELSE concat('ALTER TABLE ', p.name, ' ADD ', a.to_add) END AS statement,
               CASE a.contype WHEN '' THEN concat('CREATE ', CASE WHEN a.indisunique THEN 'UNIQUE ' END, 'INDEX ',
                         CASE WHEN NOT p.is_partitioned THEN 'CONCURRENTLY ' END, 'ON ', p.name, ' ', a.tail, ';')
                    ELSE concat('ALTER TABLE ', p.name, ' ADD ', pg_get_constraintdef(a.con_oid), '; this reads all of it, and readers and writers wait.') END AS mend
        FROM partition p CROSS JOIN wanted a
        WHERE NOT EXISTS (SELECT FROM index b WHERE b.indrelid = p.oid AND b.tail = a.tail AND b.indisunique = a.indisunique AND b.contype = a.contype)
          AND (a.contype <> 'p' OR p.oid NOT IN (SELECT indrelid FROM index WHERE contype = 'p'))
        UNION ALL
        SELECT oid, 2, tgname, format('has no trigger "%s" of its template', tgname), coalesce(s.statement, ''), s.told || ';'
        FROM missing, LATERAL (SELECT overlay(def PLACING format(' ON %s ', name) FROM strpos(def, place) FOR length(place)),
                                      overlay(told PLACING format(' ON %s ', name) FROM strpos(told, place) FOR length(place))) AS s(statement, told)
        UNION ALL
        SELECT oid, 3, tgname, NULL, format('ALTER TABLE %s %s TRIGGER %I', name,
               CASE tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, tgname), NULL
        FROM missing WHERE tgenabled <> 'O') AS additions
    ORDER BY number, label)";

// $1 is the template, $2 the parent, $3 the names of its partition_options.
constexpr char differences_query[] = R"(
    WITH template AS (
        SELECT r.relkind, r.relpersistence, r.reltablespace,
               r.reloptions || ARRAY (SELECT 'toast.' || o FROM pg_class t, unnest(t.reloptions) o WHERE t.oid = r.reltoastrelid) AS options
        FROM pg_class r WHERE r.oid = $1)
    SELECT r.oid, d.what, format(d.mend, r.oid::regclass)
    FROM pg_inherits i JOIN pg_class r ON r.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent CROSS JOIN template m
    LEFT JOIN pg_class t ON t.oid = r.reltoastrelid, LATERAL (
        SELECT 'is not partitioned like its template', 'New partitions are partitioned. This one stays as it is: %s.'
        WHERE m.relkind = 'p' AND r.relkind = 'r'
        UNION ALL
        SELECT 'is not UNLOGGED like its template', 'ALTER TABLE %s SET UNLOGGED; which rewrites it, with readers and writers waiting.'
        WHERE m.relkind = 'r' AND m.relpersistence = 'u' AND r.relkind = 'r' AND r.relpersistence = 'p'
        UNION ALL
        SELECT format('is not in tablespace "%s" like its template', s.spcname),
               format('ALTER TABLE %%s SET TABLESPACE %s; which rewrites it, with readers and writers waiting.', replace(quote_ident(s.spcname), '%', '%%'))
        FROM pg_tablespace s
        WHERE s.oid = m.reltablespace AND m.relkind = 'r' AND r.relkind = 'r' AND p.reltablespace = 0 AND r.reltablespace <> m.reltablespace
        UNION ALL
        SELECT format('does not have %s, which its template has', o), format('ALTER TABLE %%s SET (%s = %L);', split_part(o, '=', 1), replace(substr(o, strpos(o, '=') + 1), '%', '%%'))
        FROM unnest(m.options) AS o
        WHERE m.relkind = 'r' AND r.relkind = 'r' AND split_part(o, '=', 1) <> ALL ($3)
          AND NOT coalesce(CASE WHEN o LIKE 'toast.%' THEN t.oid IS NULL OR substr(o, 7) = ANY (t.reloptions) ELSE o = ANY (r.reloptions) END, false)) AS d(what, mend)
    WHERE i.inhparent = $2)";

std::string option_name(const std::string& option) {
    return option.substr(0, option.find('='));
}

std::string qualified(const Parent& parent, const std::string& name) {
    return identifier(parent.configuration.schema_name) + "." + identifier(name);
}

// What a partition gets from its template. `what` says that the partition does not have it, and
// `mend` how to fix that; both are empty if it belongs to another addition.
struct Addition {
    Oid partition;
    bool is_index;  // or a trigger
    std::optional<std::string> what;
    std::string statement;
    std::optional<std::string> mend;
};

constexpr char objects_query[] = R"(
    SELECT coalesce(c.oid, x.indexrelid), CASE WHEN c.oid IS NULL THEN 'index' ELSE 'key' END
    FROM pg_index x LEFT JOIN pg_constraint c ON c.conindid = x.indexrelid AND c.conrelid = x.indrelid AND c.contype IN ('p', 'u', 'x')
    WHERE x.indrelid = $1
    UNION ALL
    SELECT oid, 'trigger' FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal AND tgparentid = 0)";

// The template's indexes, keys and triggers, each with its definition for the owner.
struct Definitions {
    std::vector<Oid> objects;
    std::vector<std::string> texts;
};

Definitions definitions_in(RelationId from_template, Oid owner) {
    Definitions result;
    for (const auto& [object, kind] :
         query(objects_query, {oid_parameter(from_template)}).as<Oid, std::string>()) {
        result.objects.push_back(object);
        result.texts.push_back(kind == "index" ? index_definition(owner, object)
                               : kind == "key" ? constraint_definition(owner, object)
                                               : trigger_definition(owner, object));
    }
    return result;
}

std::vector<Addition> additions(RelationId from_template, const Parent& parent,
                                const std::vector<Oid>& partitions,
                                const std::optional<std::string>& name) {
    // Only a statement needs them.
    const Definitions definitions =
        name ? definitions_in(from_template, parent.table->owner) : Definitions{};
    std::vector<Addition> result;
    for (const auto& [partition, is_index, what, statement, mend] :
         query(additions_query,
               {oid_parameter(from_template), oid_parameter(parent.table->relation),
                oid_array_parameter(partitions), text_parameter(name),
                oid_array_parameter(definitions.objects), text_array_parameter(definitions.texts)})
             .as<Oid, bool, std::optional<std::string>, std::string, std::optional<std::string>>())
        result.push_back({partition, is_index, what, statement, mend});
    return result;
}

// The parent's storage clauses for a table that is not partitioned.
std::string leaf_clauses(const Parent& parent, const TemplateClauses& clauses) {
    return storage_clauses(parent, clauses.storage_options, clauses.tablespace);
}

}  // namespace

TemplateClauses template_clauses(const Parent& parent, RelationId relation) {
    const auto clauses = query(clauses_query, {oid_parameter(relation)})
                             .first<bool, bool, std::vector<std::string>, std::string>();
    if (!clauses)
        return {};
    const auto& [is_unlogged, is_partitioned, storage_options, tablespace] = *clauses;
    return {is_unlogged,
            is_partitioned
                ? " PARTITION BY " + partition_key_definition(parent.table->owner, relation)
                : std::string{},
            storage_options, tablespace};
}

std::vector<SubPartition> sub_partitions(const Parent& parent, RelationId from_template,
                                         const std::string& partition) {
    std::vector<SubPartition> result;
    for (const auto& [relation, suffix, above, bounds] :
         query(below_query, {oid_parameter(from_template)})
             .as<Oid, std::string, std::string, std::string>()) {
        const TemplateClauses clauses = template_clauses(parent, relation);
        const std::string name = partition + suffix;
        std::string statement = clauses.is_unlogged ? "CREATE UNLOGGED TABLE " : "CREATE TABLE ";
        statement.append(qualified(parent, name))
            .append(" PARTITION OF ")
            .append(qualified(parent, partition + above))
            .append(" ")
            .append(bounds);
        statement += clauses.is_partitioned() ? clauses.partition_by + clauses.tablespace
                                              : leaf_clauses(parent, clauses);
        result.push_back({name, std::move(statement), clauses.is_partitioned()});
    }
    return result;
}

std::vector<std::string> template_statements(const Parent& parent, RelationId from_template,
                                             std::optional<RelationId> partition,
                                             const std::string& name, TemplatePart part) {
    std::vector<std::string> statements;
    for (const Addition& each :
         additions(from_template, parent, {partition.value_or(InvalidOid)}, name))
        if (part == TemplatePart::everything || each.is_index == (part == TemplatePart::indexes))
            statements.push_back(each.statement);
    return statements;
}

std::optional<RelationId> template_of(const Parent& parent) {
    const auto& name = parent.configuration.template_name;
    if (!name || !parent.template_problem.empty())
        return std::nullopt;
    const UserContext ppm{owner_of_ppm()};
    return query("SELECT to_regclass($1)::oid", {text_parameter(*name)})
        .value<std::optional<Oid>>();
}

void read_template_differences(Parent& parent) {
    const auto from_template = template_of(parent);
    if (!from_template)
        return;
    std::map<Oid, Partition*> partitions;
    std::vector<Oid> relations;
    for (Partition& partition : parent.partitions) {
        partitions[partition.relation] = &partition;
        relations.push_back(partition.relation);
    }
    // UNLOGGED comes from the template, so it is not a difference from the parent.
    if (template_clauses(parent, *from_template).is_unlogged)
        for (Partition& partition : parent.partitions)
            std::erase_if(partition.differences, [](const Difference& each) {
                return each.code == AnomalyCode::persistence_differs;
            });
    const auto add = [&](Oid partition, const std::string& what, const std::string& mend) {
        if (const auto found = partitions.find(partition); found != partitions.end())
            found->second->differences.push_back({AnomalyCode::template_differs, what, mend});
    };
    std::vector<std::string> options = parent.configuration.partition_options;
    std::ranges::transform(options, options.begin(), option_name);
    for (const auto& [partition, what, mend] :
         query(differences_query,
               {oid_parameter(*from_template), oid_parameter(parent.table->relation),
                text_array_parameter(options)})
             .as<Oid, std::string, std::string>())
        add(partition, what, mend);
    for (const Addition& each : additions(*from_template, parent, relations, std::nullopt))
        if (each.what)
            add(each.partition, *each.what, each.mend.value());
}

}  // namespace ppm
