#include "pg/convert/swap.hpp"

#include "core/text.hpp"
#include "pg/catalog/configured_relations.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/convert/obstacles.hpp"
#include "pg/convert/record.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/effects.hpp"
#include "pg/ddl/inherited_properties.hpp"
#include "pg/ddl/names.hpp"
#include "pg/records/ledger.hpp"
#include "pg/run/plan.hpp"

namespace ppm {

namespace {

// Properties has its own statements for identities, indexes and statistics objects.
constexpr char create_clauses[] =
    " INCLUDING ALL EXCLUDING IDENTITY EXCLUDING INDEXES EXCLUDING STATISTICS) PARTITION BY RANGE "
    "(";

constexpr char tablespace_query[] =
    "SELECT concat(' TABLESPACE ' || quote_ident(t.spcname)) FROM pg_class r "
    "LEFT JOIN pg_tablespace t ON t.oid = r.reltablespace WHERE r.oid = $1";

// Indexes and foreign keys that ATTACH PARTITION did not take over from the old table. PostgreSQL
// would have built them again, from all the rows. $3 are the indexes that the old table had before.
constexpr char not_adopted_query[] = R"(
    SELECT x.relname FROM pg_index k JOIN pg_class x ON x.oid = k.indexrelid
    WHERE k.indrelid = $1 AND NOT EXISTS (SELECT FROM pg_inherits h JOIN pg_index c ON c.indexrelid = h.inhrelid
                                          WHERE h.inhparent = k.indexrelid AND c.indrelid = $2 AND c.indexrelid = ANY ($3))
    UNION ALL
    SELECT c.conname FROM pg_constraint c
    WHERE c.conrelid = $2 AND c.contype = 'f' AND NOT EXISTS (SELECT FROM pg_constraint p WHERE p.oid = c.conparentid))";

class TableSwap {
  public:
    TableSwap(Conversion conversion, Position end)
        : conversion_{std::move(conversion)}, end_{end}, parent_{conversion_.managed.parent} {}

    RelationId run(const std::vector<NarrowIndex>& indexes) {
        for (const std::string& statement : preparation_of(conversion_, indexes))
            execute_as_owner(parent_, statement);
        const Properties properties = properties_of(
            parent_, until(conversion_.managed.parent.configuration.grid(), end_), {});
        const TriggersAndViews companions = triggers_and_views_of(old());
        const std::string before = fingerprint_of(companions, old(), old());
        const std::vector<Oid> existing = indexes_of(old());
        for (const auto& [role, statement] : script_of(conversion_, properties, end_))
            execute_as(role, statement);

        const RelationId created = require_created(parent_, conversion_.name());
        require_same_policies(parent_, created);
        rewrite_policies(created);
        copy_privileges(old(), created);
        restore_identity_privileges(created, properties);
        require_partition(created);
        require_adopted(created, existing);
        if (fingerprint_of(companions, created, old()) != before)
            raise_changed(conversion_, "a trigger or a view was not created as planned");
        return created;
    }

    [[noreturn]] static void raise_changed(const Conversion& conversion, const char* what) {
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "table " + in_quotes(conversion.qualified_name()) +
                           " was changed concurrently: " + what,
                       "Nothing was converted.", "Call the procedure again."};
    }

  private:
    RelationId old() const { return conversion_.relation(); }

    static std::vector<Oid> indexes_of(Oid relation) {
        return query("SELECT indexrelid FROM pg_index WHERE indrelid = $1",
                     {oid_parameter(relation)})
            .values<Oid>();
    }

    // Gives the old table a partition's policies: references in them mean the partitioned table.
    void rewrite_policies(RelationId created) const {
        const std::string name = old_name(conversion_, end_);
        const std::string partition =
            identifier(conversion_.schema_name()) + "." + identifier(name);
        const Rows rows = query(
            "SELECT format('DROP POLICY %I ON %s', p.polname, $2) FROM pg_policy p "
            "WHERE p.polrelid = $1",
            {oid_parameter(old()), text_parameter(partition)});
        for (const std::string& statement : rows.values<std::string>())
            execute_as_owner(parent_, statement);
        Parent parent = parent_;
        parent.table->relation = created;
        for (const std::string& statement :
             policy_statements(parent, conversion_.schema_name(), name))
            execute_as_owner(parent_, statement);
        require_same_policies(parent, old());
    }

    void require_partition(RelationId created) const {
        const BoundRange bounds{Bound::min_value(), codec_of(conversion_.managed).encode(end_)};
        if (!is_partition(old(), created, *parent_.table->key_type, bounds))
            raise_changed(conversion_, "it was not attached as planned");
    }

    void require_adopted(RelationId created, const std::vector<Oid>& existing) const {
        const auto not_adopted =
            query(not_adopted_query,
                  {oid_parameter(created), oid_parameter(old()), oid_array_parameter(existing)})
                .values<std::string>();
        if (!not_adopted.empty())
            throw PpmError{ERRCODE_FEATURE_NOT_SUPPORTED,
                           "index or foreign key " + in_quotes(not_adopted.front()) +
                               " cannot be taken over from the old table",
                           "PostgreSQL reads its definition differently for the new table.",
                           "Drop it, and create it again after the conversion."};
    }

    Conversion conversion_;
    Position end_;
    const Parent& parent_;
};

std::string what_all(const std::vector<Finding>& findings) {
    std::string result;
    for (const Finding& finding : findings)
        result += (result.empty() ? "" : "\n") + finding.what;
    return result;
}

// Runs under the locks.
void require_unchanged(const Conversion& now, Position end, const std::vector<NarrowIndex>& indexes,
                       bool extend_unique) {
    if (const auto obstacles = obstacles_to(now, indexes, extend_unique); !obstacles.empty())
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "table " + in_quotes(now.qualified_name()) +
                           " was changed concurrently and cannot be converted",
                       what_all(obstacles), obstacles.front().mend};
    if (!now.check || !now.check->is_valid || now.check->end != codec_of(now.managed).encode(end) ||
        std::ranges::any_of(indexes, [](const NarrowIndex& each) { return !each.is_ready; }))
        TableSwap::raise_changed(now, "its constraint or an index of the conversion was replaced");
}

// SQL for a person, which takes the partition key out of the unique key again.
std::string restoring_statements(Oid index) {
    return query(
               "SELECT CASE WHEN c.oid IS NULL THEN format('DROP INDEX %I.%I', n.nspname, "
               "i.relname) ELSE format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, "
               "t.relname, c.conname) END FROM pg_index k JOIN pg_class i ON i.oid = k.indexrelid "
               "JOIN pg_class t ON t.oid = k.indrelid JOIN pg_namespace n ON n.oid = "
               "t.relnamespace LEFT JOIN pg_constraint c ON c.conindid = i.oid AND c.conrelid = "
               "t.oid AND c.contype IN ('p', 'u') WHERE i.oid = $1",
               {oid_parameter(index)})
               .value<std::string>() +
           "; " + definition_of(InvalidOid, index);
}

}  // namespace

std::vector<std::string> preparation_of(const Conversion& conversion,
                                        const std::vector<NarrowIndex>& indexes) {
    std::vector<std::string> statements;
    // The CHECK constraint proves that no key is NULL, so PostgreSQL does not scan the table.
    if (conversion.key_is_nullable)
        statements.push_back("ALTER TABLE " + conversion.sql_name() + " ALTER COLUMN " +
                             identifier(conversion.key()) + " SET NOT NULL");
    for (const NarrowIndex& index : indexes)
        std::ranges::move(replace_statements(conversion, index), std::back_inserter(statements));
    return statements;
}

std::vector<RoleStatement> script_of(const Conversion& conversion, const Properties& properties,
                                     Position end) {
    const Oid owner = conversion.managed.parent.table->owner;
    const std::string name = conversion.sql_name();
    const std::string old = old_name(conversion, end);
    const std::string partition = identifier(conversion.schema_name()) + "." + identifier(old);
    std::vector<RoleStatement> script = properties.unpublish;
    const auto add = [&](const std::string& statement) { script.push_back({owner, statement}); };

    std::ranges::for_each(properties.removals, add);
    add("ALTER TABLE " + name + " RENAME TO " + identifier(old));
    for (const auto& [kind, schema, before, away] : properties.renamings)
        add("ALTER " + kind + " " + identifier(schema) + "." + identifier(before) + " RENAME TO " +
            identifier(away));
    add("CREATE TABLE " + name + " (LIKE " + partition + create_clauses +
        identifier(conversion.key()) + ")" +
        query(tablespace_query, {oid_parameter(conversion.relation())}).value<std::string>());
    add("ALTER TABLE " + name + " DROP CONSTRAINT " + conversion_check);
    std::ranges::for_each(properties.keys, add);
    std::ranges::for_each(properties.rest, add);
    add(attach_statement(conversion.managed, conversion.schema_name(), old,
                         {Bound::min_value(), codec_of(conversion.managed).encode(end)}));
    add("ALTER TABLE " + partition + " DROP CONSTRAINT " + conversion_check);
    std::ranges::copy(properties.references, std::back_inserter(script));
    std::ranges::copy(properties.views, std::back_inserter(script));
    return script;
}

RelationId put_in_place(const Conversion& seen, Position end, bool extend_unique) {
    const Oid relation = seen.relation();
    // What may have to wait comes before the locks. Whoever changes the configuration also writes
    // to what is recorded at the end.
    lock_configuration(seen.managed.parent.configuration.name());
    lock_used_names({relation});
    lock_with_companions({relation});
    lock_parent(seen.managed.parent, AccessExclusiveLock);
    Conversion now = read_conversion(relation);
    const std::vector<NarrowIndex> indexes = narrow_indexes(now);
    require_unchanged(now, end, indexes, extend_unique);
    lock_names({NamedRelation{now.managed.parent}});
    lock_used_names({relation});
    std::vector<std::string> replaced;
    replaced.reserve(indexes.size());
    for (const NarrowIndex& index : indexes)
        replaced.push_back(restoring_statements(index.index));
    const RelationId created = TableSwap{now, end}.run(indexes);
    // The row of ppm.config means the new table from here on.
    record_configured_relation(now.managed.parent.configuration.name(), created);
    record_conversion(now, created, replaced);
    return created;
}

}  // namespace ppm
