#include "pg/convert/properties.hpp"

#include "pg/bridge/settings.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/scan.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/definitions.hpp"
#include "pg/ddl/inherited_properties.hpp"
#include "pg/ddl/locks.hpp"

namespace ppm {

namespace {

// $2 is the table's name as SQL writes it. A statement is null where there is nothing to do.
constexpr char triggers_query[] = R"(
    SELECT format('DROP TRIGGER %I ON %s', t.tgname, $2), t.oid,
           format('ALTER TABLE %s ', $2) || CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' END
               || format(' TRIGGER %I', t.tgname),
           format('COMMENT ON TRIGGER %I ON %s IS ', t.tgname, $2) || quote_literal(obj_description(t.oid, 'pg_trigger'))
    FROM pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal ORDER BY t.tgname)";

constexpr char identities_query[] = R"(
    SELECT a.attname, s.oid, format('%I.%I', n.nspname, s.relname),
           format('ALTER TABLE %s ALTER COLUMN %I DROP IDENTITY', $2, a.attname),
           format('ALTER TABLE %s ALTER COLUMN %I ADD GENERATED %s AS IDENTITY (SEQUENCE NAME %I.%I START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s %s)',
                  $2, a.attname, CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, n.nspname, s.relname,
                  q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END),
           format('COMMENT ON SEQUENCE %I.%I IS ', n.nspname, s.relname) || quote_literal(obj_description(s.oid, 'pg_class')),
           s.relacl
    FROM pg_attribute a
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype = 'i'
    JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace JOIN pg_sequence q ON q.seqrelid = s.oid
    WHERE a.attrelid = $1 AND a.attidentity <> '' ORDER BY a.attnum)";

constexpr char indexes_query[] = R"(
    SELECT k.indexrelid, n.nspname, x.relname,
           format('ALTER INDEX %I.%I SET TABLESPACE ', n.nspname, x.relname) || quote_ident(s.spcname),
           (SELECT string_agg(format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s', n.nspname, x.relname, a.attnum, a.attstattarget), ';' ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget >= 0),
           format('COMMENT ON INDEX %I.%I IS ', n.nspname, x.relname) || quote_literal(obj_description(x.oid, 'pg_class')),
           CASE WHEN k.indisreplident THEN format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', $2, x.relname) END
    FROM pg_index k JOIN pg_class x ON x.oid = k.indexrelid JOIN pg_namespace n ON n.oid = x.relnamespace
    LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace
    WHERE k.indrelid = $1 ORDER BY NOT k.indisprimary, x.relname)";

constexpr char foreign_keys_query[] =
    "SELECT c.oid FROM pg_constraint c WHERE c.conrelid = $1 AND c.contype = 'f' AND c.conparentid "
    "= 0 "
    "ORDER BY c.conname";

// LIKE copies the comments on CHECK constraints and columns.
constexpr char constraint_comments_query[] = R"(
    SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', c.conname, $2, obj_description(c.oid, 'pg_constraint'))
    FROM pg_constraint c
    WHERE c.conrelid = $1 AND c.contype <> 'c' AND obj_description(c.oid, 'pg_constraint') IS NOT NULL ORDER BY c.conname)";

constexpr char statistics_query[] = R"(
    SELECT n.nspname, s.stxname, s.oid,
           CASE WHEN s.stxstattarget >= 0 THEN format('ALTER STATISTICS %I.%I SET STATISTICS %s', n.nspname, s.stxname, s.stxstattarget) END,
           format('COMMENT ON STATISTICS %I.%I IS ', n.nspname, s.stxname) || quote_literal(obj_description(s.oid, 'pg_statistic_ext'))
    FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = $1 ORDER BY s.stxname)";

constexpr char sequences_query[] = R"(
    SELECT format('ALTER SEQUENCE %I.%I OWNED BY %s.%I', n.nspname, s.relname, $2, a.attname), s.relowner
    FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.deptype = 'a' ORDER BY s.relname)";

// PostgreSQL 15 added column lists and row filters. The role may change table and publication.
constexpr char publications_query[] = R"(
    SELECT format('ALTER PUBLICATION %I ADD TABLE %s%s%s', b.pubname, $2,
                  (SELECT ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' FROM pg_attribute a
                   WHERE a.attrelid = p.prrelid AND to_jsonb(p) -> 'prattrs' @> to_jsonb(a.attnum)),
                  (SELECT format(' WHERE (%s)', to_jsonb(t) ->> 'rowfilter') FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname
                   WHERE t.pubname = b.pubname AND n.oid = r.relnamespace AND t.tablename = r.relname AND to_jsonb(t) ->> 'rowfilter' IS NOT NULL)),
           CASE WHEN pg_has_role(r.relowner, b.pubowner, 'USAGE') THEN r.relowner ELSE b.pubowner END, format('ALTER PUBLICATION %I DROP TABLE %s', b.pubname, $2)
    FROM pg_publication_rel p JOIN pg_publication b ON b.oid = p.prpubid JOIN pg_class r ON r.oid = p.prrelid
    WHERE p.prrelid = $1 ORDER BY b.pubname)";

constexpr char views_query[] = R"(
    SELECT v.relowner,
           format('CREATE OR REPLACE VIEW %I.%I%s AS %s', n.nspname, v.relname,
                  (SELECT ' WITH (' || string_agg(format('%I = %L', o.option_name, o.option_value), ', ') || ')' FROM pg_options_to_table(v.reloptions) AS o),
                  rtrim(pg_get_viewdef(v.oid), ';'))
    FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace
    WHERE v.relkind = 'v' AND EXISTS (SELECT FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND w.ev_class = v.oid)
    ORDER BY n.nspname, v.relname)";

constexpr char companions_query[] = R"(
    WITH view AS (
        SELECT DISTINCT w.oid AS rule, v.oid
        FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class v ON v.oid = w.ev_class AND v.relkind = 'v'
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($1)),
    altered AS (
        SELECT c.confrelid AS oid FROM pg_constraint c WHERE c.conrelid = ANY ($1) AND c.contype = 'f'
        UNION
        SELECT d.objid FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ($1) AND d.deptype IN ('a', 'i')
        UNION
        SELECT oid FROM view)
    SELECT oid, true FROM altered
    UNION ALL
    SELECT DISTINCT r.oid, false
    FROM view JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = view.rule AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class r ON r.oid = d.refobjid
    WHERE r.oid <> ALL ($1) AND r.oid NOT IN (SELECT oid FROM altered)
    UNION
    -- CREATE CONSTRAINT TRIGGER ... FROM
    SELECT tgconstrrelid, false FROM pg_trigger
    WHERE tgrelid = ANY ($1) AND NOT tgisinternal AND tgconstrrelid <> 0 AND tgconstrrelid NOT IN (SELECT oid FROM altered))";

// Of the triggers $3 and the views $4. Leaves out column numbers: they may differ in another table.
constexpr char fingerprint_query[] = R"(
    SELECT concat(
        (SELECT string_agg(concat_ws(' ', t.tgname, t.tgfoid, t.tgtype, t.tgenabled, t.tgdeferrable, t.tginitdeferred,
                                     -- What WHEN calls.
                                     (SELECT string_agg(concat(d.refclassid, ':', d.refobjid), '+' ORDER BY d.refclassid, d.refobjid) FROM pg_depend d
                                      WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid AND d.refclassid NOT IN ('pg_class'::regclass, 'pg_constraint'::regclass))),
                           ',' ORDER BY t.tgname)
         FROM pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal AND t.tgparentid = 0 AND t.tgname = ANY ($3)),
        ';',
        (SELECT string_agg(x.line, ',' ORDER BY x.line) FROM (
            SELECT DISTINCT concat_ws(' ', w.ev_class, e.refclassid, CASE e.refobjid WHEN $1 THEN $2 ELSE e.refobjid END) AS line
            FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid AND w.rulename = '_RETURN' JOIN pg_depend e ON e.classid = d.classid AND e.objid = d.objid
                AND e.refclassid <> 'pg_constraint'::regclass  -- a primary key, by which a view may group
            WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1
                AND w.ev_class = ANY ($4)) AS x)))";

struct SequenceState {
    std::int64_t last_value = 0;
    bool is_called = false;
};

// Reads the relation itself: the owner may have revoked his own privilege, and a query as a
// superuser would run the owner's code if a view of his had taken the sequence's name.
SequenceState state_of(Oid sequence) {
    return call([=] {
        const Relation relation = relation_open(sequence, AccessShareLock);
        if (relation->rd_rel->relkind != RELKIND_SEQUENCE)
            elog(ERROR, "relation with OID %u is not a sequence", sequence);
        SequenceState state;
        any_row(relation, [&](TupleTableSlot* slot) {
            bool is_null = false;
            state.last_value = DatumGetInt64(slot_getattr(slot, SEQ_COL_LASTVAL, &is_null));
            state.is_called = DatumGetBool(slot_getattr(slot, SEQ_COL_CALLED, &is_null));
            return true;
        });
        relation_close(relation, NoLock);
        return state;
    });
}

// Collects what one table has.
class PropertyReader {
  public:
    PropertyReader(const Parent& parent, std::string ending,
                   const std::vector<NarrowIndex>& indexes)
        : parent_{parent},
          relation_{parent.table->relation},
          ending_{std::move(ending)},
          sql_name_{identifier(parent.configuration.schema_name) + "." +
                    identifier(parent.configuration.table_name)},
          indexes_{indexes} {}

    Properties collect() {
        add_indexes();
        add_foreign_keys();
        append(result_.rest, property_statements(parent_, sql_name_));
        add_triggers();
        add_identities();
        append(result_.rest, policy_statements(parent_, parent_.configuration.schema_name,
                                               parent_.configuration.table_name));
        add_statistics();
        append(result_.rest, rows_of(constraint_comments_query).values<std::string>());
        std::ranges::move(replica_identity_, std::back_inserter(result_.rest));
        add_references();
        add_views();
        return std::move(result_);
    }

  private:
    Rows rows_of(const char* sql) const {
        return query(sql, {oid_parameter(relation_), text_parameter(sql_name_)});
    }

    static void append(std::vector<std::string>& to, std::vector<std::string> from) {
        std::ranges::move(from, std::back_inserter(to));
    }

    static void append(std::vector<std::string>& to, const std::optional<std::string>& statement) {
        if (statement)
            to.push_back(*statement);
    }

    std::string out_of_the_way(const std::string& schema_name, const std::string& name) const {
        return call([&] {
            return ChooseRelationName(name.c_str(), nullptr, ending_.c_str(),
                                      get_namespace_oid(schema_name.c_str(), false), true);
        });
    }

    void add_indexes() {
        using Statement = std::optional<std::string>;
        for (const auto& [index, schema_name, name, tablespace, statistics, comment,
                          replica_identity] :
             rows_of(indexes_query)
                 .as<Oid, std::string, std::string, Statement, Statement, Statement, Statement>()) {
            if (contains(&NarrowIndex::built, index))
                continue;
            const std::string definition = definition_of(parent_.table->owner, index);
            result_.keys.push_back(
                contains(&NarrowIndex::index, index) ? with_column(definition, key()) : definition);
            append(result_.keys, tablespace);
            append(result_.keys, statistics);
            append(result_.keys, comment);
            append(replica_identity_, replica_identity);
            result_.renamings.push_back(
                {"INDEX", schema_name, name, out_of_the_way(schema_name, name)});
        }
    }

    bool contains(Oid NarrowIndex::*which, Oid index) const {
        return std::ranges::find(indexes_, index, which) != indexes_.end();
    }

    std::string key() const { return identifier(parent_.table->key_column); }

    void add_foreign_keys() {
        for (const Oid constraint :
             query(foreign_keys_query, {oid_parameter(relation_)}).values<Oid>())
            result_.keys.push_back(constraint_statement(parent_.table->owner, constraint));
    }

    void add_triggers() {
        for (const auto& [removal, trigger, firing, comment] :
             rows_of(triggers_query)
                 .as<std::string, Oid, std::optional<std::string>, std::optional<std::string>>()) {
            result_.removals.push_back(removal);
            result_.rest.push_back(trigger_definition(parent_.table->owner, trigger));
            append(result_.rest, firing);
            append(result_.rest, comment);
        }
    }

    void add_identities() {
        const Rows rows = rows_of(identities_query);
        for (const auto& [column, sequence, sequence_name, removal, definition, comment, acl] :
             rows.as<std::string, Oid, std::string, std::string, std::string,
                     std::optional<std::string>, std::optional<Datum>>()) {
            result_.removals.push_back(removal);
            result_.rest.push_back(definition);
            result_.rest.push_back(next_value(sequence, sequence_name));
            append(result_.rest, comment);
            result_.identity_privileges[column] = privileges_in(acl);
        }
    }

    // Goes on where the sequence is.
    static std::string next_value(Oid sequence, const std::string& sql_name) {
        const SequenceState state = state_of(sequence);
        return "SELECT pg_catalog.setval(" + literal(sql_name) + ", " +
               std::to_string(state.last_value) + ", " + (state.is_called ? "true" : "false") + ")";
    }

    void add_statistics() {
        for (const auto& [schema_name, name, statistics, target, comment] :
             rows_of(statistics_query)
                 .as<std::string, std::string, Oid, std::optional<std::string>,
                     std::optional<std::string>>()) {
            result_.rest.push_back(statistics_definition(parent_.table->owner, statistics));
            append(result_.rest, target);
            append(result_.rest, comment);
            result_.renamings.push_back({"STATISTICS", schema_name, name, with_ending(name)});
        }
    }

    std::string with_ending(const std::string& name) const {
        return call([&] { return makeObjectName(name.c_str(), nullptr, ending_.c_str()); });
    }

    void add_references() {
        for (const auto& [statement, role] : rows_of(sequences_query).as<std::string, Oid>())
            result_.references.push_back({role, statement});
        for (const auto& [publish, role, unpublish] :
             rows_of(publications_query).as<std::string, Oid, std::string>()) {
            result_.references.push_back({role, publish});
            result_.unpublish.push_back({role, unpublish});
        }
    }

    void add_views() {
        for (const auto& [role, statement] :
             query(views_query, {oid_parameter(relation_)}).as<Oid, std::string>())
            result_.views.push_back({role, statement});
    }

    const Parent& parent_;
    Oid relation_;
    std::string ending_;
    std::string sql_name_;
    const std::vector<NarrowIndex>& indexes_;
    std::vector<std::string> replica_identity_;
    Properties result_;
};

}  // namespace

Properties properties_of(const Parent& parent, const std::string& ending,
                         const std::vector<NarrowIndex>& indexes) {
    return PropertyReader{parent, ending, indexes}.collect();
}

std::string definition_of(Oid role, Oid index) {
    const auto constraint =
        query("SELECT oid FROM pg_constraint WHERE conindid = $1 AND contype IN ('p', 'u', 'x')",
              {oid_parameter(index)})
            .first_value<Oid>();
    return constraint ? constraint_statement(role, *constraint) : index_definition(role, index);
}

void lock_with_companions(const std::vector<Oid>& tables) {
    const StatementTimeout timeout{statement_timeout()};
    const auto companions = [&] {
        Relations all{tables, {}};
        for (const auto& [relation, is_altered] :
             query(companions_query, {oid_array_parameter(tables)}).as<Oid, bool>())
            (is_altered ? all.altered : all.read).push_back(relation);
        return all;
    };
    lock_together(companions, lock_timeout());
}

TriggersAndViews triggers_and_views_of(Oid relation) {
    return {query("SELECT tgname FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal AND "
                  "tgparentid = 0",
                  {oid_parameter(relation)})
                .values<std::string>(),
            query("SELECT DISTINCT w.ev_class FROM pg_depend d JOIN pg_rewrite w ON w.oid = "
                  "d.objid AND w.rulename = '_RETURN' WHERE d.classid = 'pg_rewrite'::regclass "
                  "AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1",
                  {oid_parameter(relation)})
                .values<Oid>()};
}

std::string fingerprint_of(const TriggersAndViews& companions, Oid relation, Oid instead) {
    return query(fingerprint_query,
                 {oid_parameter(relation), oid_parameter(instead),
                  text_array_parameter(companions.triggers), oid_array_parameter(companions.views)})
        .value<std::string>();
}

}  // namespace ppm
