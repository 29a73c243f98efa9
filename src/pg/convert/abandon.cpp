// CALL ppm.abandon() of a conversion.
#include "core/text.hpp"
#include "pg/bridge/messages.hpp"
#include "pg/catalog/configured_relations.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/rows.hpp"
#include "pg/convert/convert.hpp"
#include "pg/convert/obstacles.hpp"
#include "pg/convert/properties.hpp"
#include "pg/convert/record.hpp"
#include "pg/convert/retries.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/effects.hpp"
#include "pg/ddl/names.hpp"
#include "pg/records/ledger.hpp"
#include "pg/run/plan.hpp"
#include "pg/run/report.hpp"

namespace ppm {

namespace {

// Renames each index of the old table to the name of the partitioned index it is attached to.
constexpr char index_names_query[] = R"(
    SELECT format('ALTER INDEX %I.%I RENAME TO %I', n.nspname, c.relname, p.relname)
    FROM pg_index k JOIN pg_class c ON c.oid = k.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_inherits h ON h.inhrelid = c.oid JOIN pg_class p ON p.oid = h.inhparent
    WHERE k.indrelid = $1 AND c.relname <> p.relname ORDER BY c.relname)";

// Removes what the old table has as a partition; Properties::rest then restores what it had. $2 is
// the table's name, $3 the ending of its statistics objects' names.
constexpr char leftovers_query[] = R"(
    SELECT format('DROP POLICY %I ON %s', p.polname, $2) FROM pg_policy p WHERE p.polrelid = $1
    UNION ALL
    SELECT format('DROP STATISTICS %I.%I', n.nspname, s.stxname)
    FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = $1 AND right(s.stxname, length($3)) = $3
    UNION ALL
    SELECT format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY, REPLICA IDENTITY DEFAULT', $2)
    UNION ALL
    SELECT format('COMMENT ON TABLE %s IS NULL', $2))";

constexpr char in_primary_key_query[] =
    "SELECT FROM pg_index k JOIN pg_attribute a ON a.attrelid = k.indrelid AND a.attnum = ANY "
    "(k.indkey) "
    "WHERE k.indrelid = $1 AND k.indisprimary AND a.attname = $2";

// Undoes what put_in_place() did, in one step.
class Undo {
  public:
    Undo(const ManagedParent& managed, ConversionRecord record, const Partition& former)
        : managed_{managed}, parent_{managed.parent}, record_{std::move(record)}, former_{former} {}

    void run() {
        const std::string schema = parent_.configuration.schema_name;
        const std::string aside = call([&] {
            return makeObjectName(parent_.configuration.table_name.c_str(), nullptr, "ppm");
        });
        const std::string name = qualified(parent_.configuration.table_name);
        const std::string ending =
            until(parent_.configuration.grid(), codec_of(managed_).decode(former_.bounds.upper));
        const Properties properties = properties_of(parent_, ending, {});
        const std::vector<std::string> index_names =
            query(index_names_query, {oid_parameter(former_.relation)}).values<std::string>();

        const Oid parent = parent_.table->relation;
        const TriggersAndViews companions = triggers_and_views_of(parent);
        const std::string before = fingerprint_of(companions, parent, parent);
        for (const auto& [role, statement] : properties.unpublish)
            execute_as(role, statement);
        execute("ALTER TABLE " + name + " RENAME TO " + identifier(aside));
        execute("ALTER TABLE " + qualified(aside) + " DETACH PARTITION " + qualified(former_.name));
        drop_others();
        execute("ALTER TABLE " + qualified(former_.name) + " RENAME TO " +
                identifier(parent_.configuration.table_name));
        for (const auto& [role, statement] : properties.views)
            execute_as(role, statement);
        for (const auto& [role, statement] : properties.references)
            execute_as(role, statement);
        copy_privileges(parent_.table->relation, former_.relation);
        execute("DROP TABLE " + qualified(aside));
        for (const std::string& statement : index_names)
            execute(statement);
        for (const std::string& statement :
             query(leftovers_query, {oid_parameter(former_.relation), text_parameter(name),
                                     text_parameter("_" + ending)})
                 .values<std::string>())
            execute(statement);
        for (const std::string& statement : properties.rest)
            execute(statement);
        restore_identity_privileges(former_.relation, properties);
        if (record_.key_was_nullable && !is_in_primary_key())
            execute("ALTER TABLE " + name + " ALTER COLUMN " +
                    identifier(parent_.table->key_column) + " DROP NOT NULL");
        require_detached(former_.relation);
        if (fingerprint_of(companions, former_.relation, parent) != before)
            throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                           "table " + in_quotes(parent_.configuration.qualified_name()) +
                               " was changed concurrently: a trigger or a view was not created as "
                               "planned",
                           "Nothing was undone.", "Call the procedure again."};
    }

  private:
    std::string qualified(const std::string& name) const {
        return identifier(parent_.configuration.schema_name) + "." + identifier(name);
    }

    void execute(const std::string& statement) const { execute_as_owner(parent_, statement); }

    // They are empty: require_empty() has checked that, under the lock.
    void drop_others() const {
        for (const Partition& each : parent_.partitions)
            if (each.relation != former_.relation)
                execute(drop_statement(each));
        if (parent_.default_partition)
            execute(drop_statement(*parent_.default_partition));
    }

    bool is_in_primary_key() const {
        return query(in_primary_key_query,
                     {oid_parameter(former_.relation), text_parameter(parent_.table->key_column)})
                   .count() > 0;
    }

    const ManagedParent& managed_;
    const Parent& parent_;
    ConversionRecord record_;
    const Partition& former_;
};

[[noreturn]] void raise_not_possible(const Configuration& configuration, const std::string& why,
                                     const std::string& mend) {
    throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "the conversion of table " + in_quotes(configuration.qualified_name()) +
                       " cannot be undone",
                   why, mend};
}

// Nobody can use the table meanwhile. Rows that VACUUM has not removed yet take time, too.
bool has_rows_at_once(const Partition& partition) {
    try {
        const StatementTimeout timeout{std::min(lock_timeout(), statement_timeout())};
        return has_rows(partition.relation);
    } catch (const Error& error) {
        if (!is_timeout(error))
            throw;
        throw PpmError{ERRCODE_QUERY_CANCELED,
                       "looking for rows in partition " + in_quotes(partition.name) +
                           " takes longer than others may have to wait",
                       {},
                       "Run VACUUM on that partition, and call the procedure again."};
    }
}

// Under the locks on all partitions.
void require_empty(const Parent& parent, const Partition& partition) {
    if (partition.detach_pending)
        raise_not_possible(parent.configuration,
                           "Partition " + in_quotes(partition.name) + " is being detached.",
                           "Call ppm.cleanup() first.");
    if (has_rows_at_once(partition))
        raise_not_possible(
            parent.configuration,
            "Partition " + in_quotes(partition.name) + " has rows, which would be lost.",
            "Remove these rows first. As long as there are any, the table stays partitioned.");
}

constexpr char referring_query[] = R"(
    SELECT c.conname, format('%I.%I', n.nspname, r.relname),
           format('ALTER TABLE %I.%I DROP CONSTRAINT %I;', n.nspname, r.relname, c.conname)
    FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
    WHERE c.contype = 'f' AND c.conparentid = 0 AND c.confrelid = $1 AND c.conrelid <> $1
    ORDER BY 2, 1 LIMIT 1)";

// The new table could not be dropped. And the DETACH before that would run, as the owner, code of
// the tables that refer to it. The lock on the table keeps others from adding a foreign key.
void require_not_referred_to(const Parent& parent) {
    const auto reference = query(referring_query, {oid_parameter(parent.table->relation)})
                               .first<std::string, std::string, std::string>();
    if (!reference)
        return;
    const auto& [constraint, table, mend] = *reference;
    raise_not_possible(parent.configuration,
                       "Table " + in_quotes(table) + " refers to it with the foreign key " +
                           in_quotes(constraint) + ".",
                       "Drop that first: " + mend);
}

// Reads the partitioned table as it is now; throws if it is not valid.
ManagedParent read_valid(RelationId relation) {
    ManagedParent managed = std::move(read_with_partitions(relation).front());
    if (const auto anomalies = validate(managed.parent); !anomalies.empty())
        raise_not_possible(managed.parent.configuration, anomalies.front().detail,
                           anomalies.front().hint);
    return managed;
}

const Partition& former_of(const Parent& parent, const ConversionRecord& record) {
    const auto found = std::ranges::find(parent.partitions, record.former, &Partition::relation);
    if (found == parent.partitions.end())
        raise_not_possible(parent.configuration, "The old table is no longer a partition.", {});
    return *found;
}

// Runs inside a step. Returns what it did.
CompletedAction take_back(RelationId relation, ConversionRecord& record) {
    lock_with_companions({relation, record.former});
    const ManagedParent managed = read_valid(relation);
    const Parent& parent = managed.parent;
    lock_parent(parent, AccessExclusiveLock);
    require_owner_of_tree(parent.table->owner, relation);
    require_not_referred_to(parent);
    for (const Finding& each : objects_of_others(relation))
        raise_not_possible(parent.configuration, each.what, each.mend);
    const Partition& former = former_of(parent, record);
    for (const Partition& each : parent.partitions)
        if (each.relation != former.relation)
            require_empty(parent, each);
    if (parent.default_partition)
        require_empty(parent, *parent.default_partition);
    lock_names({NamedRelation{parent}, NamedRelation{former}});
    lock_used_names({relation, former.relation});
    Undo{managed, record, former}.run();
    record_configured_relation(parent.configuration.name(), record.former);
    forget_conversion(relation);
    return {Done::taken_back, managed, former};
}

// Takes back what was done before the swap.
bool abandon_steps(Session& session, History& history, RelationId relation) {
    bool has_begun = false;
    retry(session, history, {relation}, [&] {
        session.step([&] {
            const Conversion conversion = read_conversion(relation);
            require_owner(relation, conversion.name());
            std::vector<std::string> statements;
            if (conversion.check)
                statements.push_back("ALTER TABLE " + conversion.sql_name() + " DROP CONSTRAINT " +
                                     conversion_check);
            if (conversion.has_key)
                for (const NarrowIndex& index : narrow_indexes(conversion))
                    if (OidIsValid(index.built))
                        statements.push_back(drop_built_statement(index));
            has_begun = !statements.empty();
            if (!has_begun)
                return;
            const Parent& parent = conversion.managed.parent;
            lock_parent(parent, AccessExclusiveLock);
            lock_names({NamedRelation{parent}});
            for (const std::string& statement : statements)
                execute_as_owner(parent, statement);
        });
    });
    return has_begun;
}

void warn_of_keys(const std::vector<std::string>& replaced) {
    std::string statements;
    for (const std::string& each : replaced)
        statements += (statements.empty() ? "" : " ") + each + ";";
    if (!replaced.empty())
        call([&] {
            tell(WARNING, ERRCODE_WARNING, "unique keys still include the partition key", "",
                 ("To restore them as they were before the conversion: " + statements).c_str());
        });
}

}  // namespace

bool abandon_conversion(Session& session, History& history, RelationId relation) {
    TableName configured;
    const bool is_partitioned = session.read([&] {
        const Conversion conversion = read_conversion(relation);
        require_owner(relation, conversion.name());
        configured = {conversion.schema_name(), conversion.name()};
        return conversion.is_partitioned;
    });
    const RunLock others{session, relation, AdvisoryLock::Of::partitions,
                         "table " + in_quotes(configured.qualified())};
    if (!is_partitioned)
        return abandon_steps(session, history, relation);
    auto record = session.read([&] { return conversion_of(relation); });
    if (!record)
        return false;
    std::optional<CompletedAction> completed;
    retry(session, history, {relation}, [&] {
        session.step([&] {
            lock_own_tables();
            lock_configuration(configured);
            completed.emplace(take_back(relation, *record));
            history.record(*completed);
        });
    });
    announce(*completed);
    warn_of_keys(record->replaced);
    return true;
}

}  // namespace ppm
