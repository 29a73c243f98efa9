#include "pg/convert/properties.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/catalog/scan.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/inherited_properties.hpp"

namespace ppm {

namespace {

// $2 is the table's name as SQL writes it.
constexpr char triggers_query[] = R"(
    SELECT format('DROP TRIGGER %I ON %s', t.tgname, $2), pg_get_triggerdef(t.oid),
           format('ALTER TABLE %s %s TRIGGER %I', $2, CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' END, t.tgname),
           t.tgenabled <> 'O',
           format('COMMENT ON TRIGGER %I ON %s IS %L', t.tgname, $2, obj_description(t.oid, 'pg_trigger')), obj_description(t.oid, 'pg_trigger') IS NOT NULL
    FROM pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal ORDER BY t.tgname)";

constexpr char identities_query[] = R"(
    SELECT a.attname, s.oid, format('%I.%I', n.nspname, s.relname),
           format('ALTER TABLE %s ALTER COLUMN %I DROP IDENTITY', $2, a.attname),
           format('ALTER TABLE %s ALTER COLUMN %I ADD GENERATED %s AS IDENTITY (SEQUENCE NAME %I.%I START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s %s)',
                  $2, a.attname, CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, n.nspname, s.relname,
                  q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END),
           format('COMMENT ON SEQUENCE %I.%I IS %L', n.nspname, s.relname, obj_description(s.oid, 'pg_class')), obj_description(s.oid, 'pg_class') IS NOT NULL,
           s.relacl
    FROM pg_attribute a
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype = 'i'
    JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace JOIN pg_sequence q ON q.seqrelid = s.oid
    WHERE a.attrelid = $1 AND a.attidentity <> '' ORDER BY a.attnum)";

constexpr char indexes_query[] = R"(
    SELECT k.indexrelid, n.nspname, x.relname,
           format('ALTER INDEX %I.%I SET TABLESPACE ', n.nspname, x.relname) || quote_ident(s.spcname), s.oid IS NOT NULL,
           (SELECT string_agg(format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s', n.nspname, x.relname, a.attnum, a.attstattarget), ';' ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget >= 0),
           format('COMMENT ON INDEX %I.%I IS %L', n.nspname, x.relname, obj_description(x.oid, 'pg_class')), obj_description(x.oid, 'pg_class') IS NOT NULL,
           format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', $2, x.relname), k.indisreplident
    FROM pg_index k JOIN pg_class x ON x.oid = k.indexrelid JOIN pg_namespace n ON n.oid = x.relnamespace
    LEFT JOIN pg_tablespace s ON s.oid = x.reltablespace
    WHERE k.indrelid = $1 ORDER BY NOT k.indisprimary, x.relname)";

constexpr char foreign_keys_query[] =
    "SELECT c.oid FROM pg_constraint c WHERE c.conrelid = $1 AND c.contype = 'f' AND c.conparentid "
    "= 0 "
    "ORDER BY c.conname";

// Of CHECK constraints and columns LIKE copies them.
constexpr char constraint_comments_query[] = R"(
    SELECT format('COMMENT ON CONSTRAINT %I ON %s IS %L', c.conname, $2, obj_description(c.oid, 'pg_constraint'))
    FROM pg_constraint c
    WHERE c.conrelid = $1 AND c.contype <> 'c' AND obj_description(c.oid, 'pg_constraint') IS NOT NULL ORDER BY c.conname)";

constexpr char statistics_query[] = R"(
    SELECT n.nspname, s.stxname, pg_get_statisticsobjdef(s.oid),
           format('ALTER STATISTICS %I.%I SET STATISTICS %s', n.nspname, s.stxname, s.stxstattarget), coalesce(s.stxstattarget >= 0, false),
           format('COMMENT ON STATISTICS %I.%I IS %L', n.nspname, s.stxname, obj_description(s.oid, 'pg_statistic_ext')),
           obj_description(s.oid, 'pg_statistic_ext') IS NOT NULL
    FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = $1 ORDER BY s.stxname)";

constexpr char sequences_query[] = R"(
    SELECT format('ALTER SEQUENCE %I.%I OWNED BY %s.%I', n.nspname, s.relname, $2, a.attname), s.relowner
    FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace n ON n.oid = s.relnamespace
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.deptype = 'a' ORDER BY s.relname)";

// From PostgreSQL 15 on there are lists of columns and conditions. Whoever may change both.
constexpr char publications_query[] = R"(
    SELECT format('ALTER PUBLICATION %I ADD TABLE %s%s%s', b.pubname, $2,
                  (SELECT ' (' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ')' FROM pg_attribute a
                   WHERE a.attrelid = p.prrelid AND to_jsonb(p) -> 'prattrs' @> to_jsonb(a.attnum)),
                  (SELECT ' WHERE ' || (to_jsonb(t) ->> 'rowfilter') FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname
                   WHERE t.pubname = b.pubname AND n.oid = r.relnamespace AND t.tablename = r.relname)),
           CASE WHEN pg_has_role(r.relowner, b.pubowner, 'USAGE') THEN r.relowner ELSE b.pubowner END, format('ALTER PUBLICATION %I DROP TABLE %s', b.pubname, $2)
    FROM pg_publication_rel p JOIN pg_publication b ON b.oid = p.prpubid JOIN pg_class r ON r.oid = p.prrelid
    WHERE p.prrelid = $1 ORDER BY b.pubname)";

constexpr char views_query[] = R"(
    SELECT v.oid, v.relowner,
           format('CREATE OR REPLACE VIEW %I.%I%s AS %s', n.nspname, v.relname,
                  (SELECT ' WITH (' || string_agg(format('%I = %L', o.option_name, o.option_value), ', ') || ')' FROM pg_options_to_table(v.reloptions) AS o),
                  rtrim(pg_get_viewdef(v.oid), ';'))
    FROM pg_class v JOIN pg_namespace n ON n.oid = v.relnamespace
    WHERE v.relkind = 'v' AND EXISTS (SELECT FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND w.ev_class = v.oid)
    ORDER BY n.nspname, v.relname)";

constexpr char companions_query[] = R"(
    SELECT c.confrelid FROM pg_constraint c WHERE c.conrelid = $1 AND c.contype = 'f'
    UNION
    SELECT d.objid FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.deptype IN ('a', 'i')
    UNION
    SELECT v.oid FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid JOIN pg_class v ON v.oid = w.ev_class AND v.relkind = 'v'
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1)";

// Columns may have other numbers in another table.
constexpr char fingerprint_query[] = R"(
    SELECT concat(
        (SELECT string_agg(concat_ws(' ', t.tgname, t.tgfoid, t.tgtype, t.tgenabled, t.tgdeferrable, t.tginitdeferred), ',' ORDER BY t.tgname)
         FROM pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal AND t.tgparentid = 0),
        ';',
        (SELECT string_agg(x.line, ',' ORDER BY x.line) FROM (
            SELECT DISTINCT concat_ws(' ', w.ev_class, e.refclassid, CASE e.refobjid WHEN $1 THEN $2 ELSE e.refobjid END) AS line
            FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid AND w.rulename = '_RETURN' JOIN pg_depend e ON e.classid = d.classid AND e.objid = d.objid
            WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1) AS x)))";

// `ALTER TABLE ... ADD CONSTRAINT ...`, with storage parameters and the tablespace.
std::string constraint_definition(Oid constraint) {
    return call([=] { return pg_get_constraintdef_command(constraint); });
}

struct SequenceState {
    std::int64_t last_value = 0;
    bool is_called = false;
};

// Read from the relation itself: its owner may have taken the privilege from himself, and a query
// as a superuser would run his code, if by then a view of his bore the sequence's name.
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
        append(result_.rest, strings(rows_of(constraint_comments_query)));
        std::ranges::move(replica_identity_, std::back_inserter(result_.rest));
        add_references();
        add_views();
        return std::move(result_);
    }

  private:
    Rows rows_of(const char* sql) const {
        return query(sql, {oid_parameter(relation_), text_parameter(sql_name_)});
    }

    static std::vector<std::string> strings(const Rows& rows) {
        std::vector<std::string> result;
        for (std::size_t row = 0; row < rows.count(); ++row)
            result.push_back(rows.string(row, 1));
        return result;
    }

    static void append(std::vector<std::string>& to, std::vector<std::string> from) {
        std::ranges::move(from, std::back_inserter(to));
    }

    // The statement in a column, if the next column says that there is something to do.
    static void add_if(std::vector<std::string>& to, const Rows& rows, std::size_t row,
                       int column) {
        if (rows.boolean(row, column + 1))
            to.push_back(rows.string(row, column));
    }

    std::string out_of_the_way(const std::string& schema_name, const std::string& name) const {
        return call([&] {
            return ChooseRelationName(name.c_str(), nullptr, ending_.c_str(),
                                      get_namespace_oid(schema_name.c_str(), false), true);
        });
    }

    void add_indexes() {
        const Rows rows = rows_of(indexes_query);
        for (std::size_t row = 0; row < rows.count(); ++row) {
            const Oid index = rows.oid(row, 1);
            if (std::ranges::find(indexes_, index, &NarrowIndex::built) != indexes_.end())
                continue;
            const bool is_narrow =
                std::ranges::find(indexes_, index, &NarrowIndex::index) != indexes_.end();
            const std::string definition = definition_of(index);
            result_.keys.push_back(is_narrow ? with_column(definition, key()) : definition);
            add_if(result_.keys, rows, row, 4);
            if (!rows.is_null(row, 6))
                result_.keys.push_back(rows.string(row, 6));
            add_if(result_.keys, rows, row, 7);
            add_if(replica_identity_, rows, row, 9);
            result_.renamings.push_back({"INDEX", rows.string(row, 2), rows.string(row, 3),
                                         out_of_the_way(rows.string(row, 2), rows.string(row, 3))});
        }
    }

    std::string key() const { return identifier(parent_.table->key_column); }

    void add_foreign_keys() {
        const Rows rows = query(foreign_keys_query, {oid_parameter(relation_)});
        for (std::size_t row = 0; row < rows.count(); ++row)
            result_.keys.push_back(constraint_definition(rows.oid(row, 1)));
    }

    void add_triggers() {
        const Rows rows = rows_of(triggers_query);
        for (std::size_t row = 0; row < rows.count(); ++row) {
            result_.removals.push_back(rows.string(row, 1));
            result_.rest.push_back(rows.string(row, 2));
            add_if(result_.rest, rows, row, 3);
            add_if(result_.rest, rows, row, 5);
        }
    }

    void add_identities() {
        const Rows rows = rows_of(identities_query);
        for (std::size_t row = 0; row < rows.count(); ++row) {
            result_.removals.push_back(rows.string(row, 4));
            result_.rest.push_back(rows.string(row, 5));
            result_.rest.push_back(next_value(rows.oid(row, 2), rows.string(row, 3)));
            add_if(result_.rest, rows, row, 6);
            result_.identity_privileges[rows.string(row, 1)] = privileges_in(rows, row, 8);
        }
    }

    // Goes on where the sequence is.
    static std::string next_value(Oid sequence, const std::string& sql_name) {
        const SequenceState state = state_of(sequence);
        return "SELECT pg_catalog.setval(" + literal(sql_name) + ", " +
               std::to_string(state.last_value) + ", " + (state.is_called ? "true" : "false") + ")";
    }

    void add_statistics() {
        const Rows rows = rows_of(statistics_query);
        for (std::size_t row = 0; row < rows.count(); ++row) {
            result_.rest.push_back(rows.string(row, 3));
            add_if(result_.rest, rows, row, 4);
            add_if(result_.rest, rows, row, 6);
            const std::string name = rows.string(row, 2);
            result_.renamings.push_back(
                {"STATISTICS", rows.string(row, 1), name,
                 call([&] { return makeObjectName(name.c_str(), nullptr, ending_.c_str()); })});
        }
    }

    void add_references() {
        const Rows sequences = rows_of(sequences_query);
        for (std::size_t row = 0; row < sequences.count(); ++row)
            result_.references.push_back({sequences.oid(row, 2), sequences.string(row, 1)});
        const Rows publications = rows_of(publications_query);
        for (std::size_t row = 0; row < publications.count(); ++row)
            result_.references.push_back({publications.oid(row, 2), publications.string(row, 1)});
        for (std::size_t row = 0; row < publications.count(); ++row)
            result_.unpublish.push_back({publications.oid(row, 2), publications.string(row, 3)});
    }

    void add_views() {
        const Rows rows = query(views_query, {oid_parameter(relation_)});
        for (std::size_t row = 0; row < rows.count(); ++row)
            result_.views.push_back({rows.oid(row, 2), rows.string(row, 3)});
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

std::string definition_of(Oid index) {
    const Rows rows = query(
        "SELECT c.oid, pg_get_indexdef(k.indexrelid) FROM pg_index k LEFT JOIN pg_constraint c "
        "ON c.conindid = k.indexrelid AND c.conrelid = k.indrelid AND c.contype IN ('p', 'u', 'x') "
        "WHERE k.indexrelid = $1",
        {oid_parameter(index)});
    return rows.is_null(0, 1) ? rows.string(0, 2) : constraint_definition(rows.oid(0, 1));
}

std::vector<Oid> companions_of(Oid relation) {
    const Rows rows = query(companions_query, {oid_parameter(relation)});
    std::vector<Oid> result;
    for (std::size_t row = 0; row < rows.count(); ++row)
        result.push_back(rows.oid(row, 1));
    return result;
}

std::string fingerprint_of_companions(Oid relation, Oid instead) {
    return query(fingerprint_query, {oid_parameter(relation), oid_parameter(instead)}).string(0, 1);
}

}  // namespace ppm
