#include "pg/run/provision.hpp"

#include "core/plan/capabilities.hpp"
#include "core/text.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/sqlstate.hpp"
#include "pg/catalog/default_rows.hpp"
#include "pg/catalog/distributed.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/rows.hpp"
#include "pg/catalog/size.hpp"
#include "pg/catalog/template.hpp"
#include "pg/catalog/tree.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/effects.hpp"
#include "pg/ddl/inherited_properties.hpp"
#include "pg/ddl/names.hpp"
#include "pg/ddl/template.hpp"
#include "pg/records/archived.hpp"
#include "pg/records/hooks.hpp"
#include "pg/records/kept.hpp"
#include "pg/records/ledger.hpp"
#include "pg/run/archive.hpp"
#include "pg/run/bounds_check.hpp"
#include "pg/run/default_fence.hpp"
#include "pg/run/hooks.hpp"
#include "pg/run/report.hpp"

namespace ppm {

namespace {

// Throws if the default partition has rows of the range, which keep a partition from being
// attached, or another owner, whose constraints PostgreSQL would evaluate as the parent's owner.
void require_room_in_default(const ManagedParent& managed, const BoundRange& bounds) {
    // Looked up under the lock on the parent: since the plan, it may have got another default
    // partition, or none.
    const Table& table = *managed.parent.table;
    const Oid default_partition = call([&] { return get_default_partition_oid(table.relation); });
    if (!OidIsValid(default_partition))
        return;
    require_owner_of_tree(table.owner, default_partition);
    // ATTACH PARTITION would find them too, but only under an ACCESS EXCLUSIVE lock on the default
    // partition.
    const InDefault found =
        look_into_default(managed, default_partition, bounds,
                          Deadline{std::chrono::milliseconds{statement_timeout()}});
    if (found == InDefault::none || found == InDefault::ruled_out)
        return;
    const std::string name = in_quotes(call([=] { return get_rel_name(default_partition); }));
    if (found == InDefault::unknown)
        throw PpmError{
            ERRCODE_QUERY_CANCELED,
            "looking for rows of " + range_text(managed, bounds) + " in default partition " + name +
                " takes longer than ppm.statement_timeout",
            {},
            "Give default partition " + name + " an index on " + in_quotes(table.key_column) +
                ", by CREATE INDEX CONCURRENTLY, or move its rows to partitions of "
                "their own: CALL ppm.repartition()."};
    throw PpmError{ERRCODE_CHECK_VIOLATION,
                   "default partition " + name + " holds rows of " + range_text(managed, bounds),
                   {},
                   "Move those rows out of default partition " + name + "."};
}

// Takes the locks of ATTACH PARTITION, which evaluates the default partition's constraints. During
// the wait for the locks, the default partition may have got another owner.
Since lock_to_attach(const ManagedParent& managed, Statement statement,
                     std::optional<RelationId> partition = std::nullopt) {
    const Since since = lock_together(statement, managed.parent, partition);
    const Table& table = *managed.parent.table;
    const Oid default_partition = call([&] { return get_default_partition_oid(table.relation); });
    if (OidIsValid(default_partition))
        require_owner_of_tree(table.owner, default_partition);
    return since;
}

// A policy that cannot be copied must not keep the partition from being created.
void copy_policies(const ManagedParent& managed, RelationId relation,
                   const std::string& schema_name, const std::string& name) {
    const std::string partition = schema_name + "." + name;
    for (const std::string& statement : policy_statements(managed.parent, schema_name, name)) {
        try {
            Subtransaction subtransaction;
            execute_as_owner(managed.parent, statement);
            require_same_policies(managed.parent, relation);
            subtransaction.commit();
        } catch (const Error& error) {
            if (ERRCODE_TO_CATEGORY(error.sqlstate()) !=
                ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION))
                throw;
            warn_of_policy(partition, error);
        }
    }
}

// What else the template has: tables below the new one, which are made like it, and on all of
// them its indexes, keys and triggers.
void follow_template(const ManagedParent& managed, const std::string& name, RelationId relation,
                     RelationId from_template) {
    const Parent& parent = managed.parent;
    const std::string& schema_name = parent.configuration.schema_name;
    for (const SubPartition& each : sub_partitions(parent, from_template, name)) {
        execute_as_owner(parent, each.statement);
        const RelationId below = require_created(parent, each.name);
        const std::string table = identifier(schema_name) + "." + identifier(each.name);
        for (const std::string& statement : property_statements(parent, table))
            execute_as_owner(parent, statement);
        copy_policies(managed, below, schema_name, each.name);
    }
    for (const std::string& statement : template_statements(
             parent, from_template, relation, identifier(schema_name) + "." + identifier(name)))
        execute_as_owner(parent, statement);
}

// The tables that a new partition is made like: the parent, the template and the tables below the
// template.
std::vector<Oid> models_of(const ManagedParent& managed, RelationId from_template) {
    std::vector<Oid> models{managed.parent.table->relation};
    if (!OidIsValid(from_template))
        return models;
    const List* const below = call([=] { return partition_tree(from_template, AccessShareLock); });
    for (int i = 0; i < list_length(below); ++i)
        models.push_back(list_nth_oid(below, i));
    return models;
}

class ProvisionExecutor final : public Executor {
  public:
    using Executor::Executor;

    bool has_work(const ManagedParent& managed) override { return has_fence(session_, managed); }

    // Ignores errors: without the fence, PostgreSQL reads the default partition itself. If
    // something else is wrong, the actions fail, too.
    void begin(const ManagedParent& managed, const std::vector<Action>& actions) override {
        try {
            raise_fence(session_, managed, actions);
        } catch (const Error& error) {
            if (ends_the_call(error))
                throw;
        }
    }

    void end(const ManagedParent& managed) override { lower_fence(session_, managed); }

    void execute(const ManagedParent& managed, const Action& action,
                 std::span<const Action* const>) override {
        if (const auto* const create = std::get_if<CreatePartition>(&action))
            run(managed, *create);
        else if (const auto* const hook = std::get_if<CallHook>(&action))
            call_hook(session_, history_, managed, *hook);
        else
            run(managed, std::get<AttachPartition>(action));
    }

  private:
    void run(const ManagedParent& managed, const CreatePartition& create) {
        const std::string& schema_name = managed.parent.configuration.schema_name;
        do_and_record({Done::created, managed, schema_name, create.name, create.bounds}, [&] {
            lock_parent(managed.parent);
            require_room_in_default(managed, create.bounds);
            lock_names({NamedRelation{managed.parent}});
            return attach_created(managed, create, create_table(managed, create));
        });
    }

    void run(const ManagedParent& managed, const AttachPartition& attach) {
        do_and_record({Done::attached, managed, attach.partition}, [&] {
            lock_parent(managed.parent);
            return attach_again(managed, attach.partition);
        });
    }
};

// PostgreSQL builds the indexes that the parent has got meanwhile, and checks its new foreign keys.
// Others may wait for that no longer than for a lock. (Citus needs its time for every shard.)
void execute_to_attach(const ManagedParent& managed, const Partition& partition, Since since) {
    const std::string statement =
        attach_statement(managed, partition.schema_name, partition.name, partition.bounds);
    const bool is_short = since && !managed.parent.table->is_distributed;
    try {
        execute_as_owner(
            managed.parent, statement,
            is_short ? std::min(lock_timeout(), statement_timeout()) : statement_timeout());
    } catch (const Error& error) {
        if (!is_short || !is_timeout(error))
            throw;
        throw PpmError{ERRCODE_QUERY_CANCELED,
                       "attaching table " + in_quotes(partition.qualified_name()) +
                           " takes longer than others may have to wait",
                       "PostgreSQL reads the table under locks that others wait for, to build an "
                       "index or to check a constraint.",
                       "Attach it yourself when others can wait: " + statement + ";"};
    }
}

// From here on nobody can use the table.
void require_unchanged_for_attach(const ManagedParent& managed, const Partition& partition) {
    lock_partition(partition, true);
    require_owner_of_tree(managed.parent.table->owner, partition.relation);
    require_attachable(managed.parent, partition);
}

// Moves the detached table back to the schema that it came from.
Partition at_home(const ManagedParent& managed, const Partition& partition) {
    if (!home_of(partition.relation))
        return partition;
    require_unchanged_for_attach(managed, partition);
    return bring_home(managed, partition);
}

}  // namespace

RelationId create_table(const ManagedParent& managed, const CreatePartition& create) {
    // (As an optional, g++ 12 would take it for uninitialized.)
    const RelationId from_template =
        managed.parent.configuration.template_name ? lock_template(managed.parent) : InvalidOid;
    lock_used_names(models_of(managed, from_template));
    const std::vector<std::string> statements = statements_for(managed, create);
    execute_as_owner(managed.parent, statements.front());
    const RelationId relation = require_created(managed.parent, create.name);
    for (const std::string& statement : std::span{statements}.subspan(1))
        execute_as_owner(managed.parent, statement);
    if (OidIsValid(from_template))
        follow_template(managed, create.name, relation, from_template);
    // Policy expressions may name tables that somebody has locked. So policies are copied here,
    // before ATTACH locks tables that others use.
    copy_policies(managed, relation, managed.parent.configuration.schema_name, create.name);
    return relation;
}

Since attach_created(const ManagedParent& managed, const CreatePartition& create,
                     RelationId relation, Statement attach) {
    const std::string& schema_name = managed.parent.configuration.schema_name;
    // PostgreSQL reads the default partition. If readers wait for that, too, they wait no longer
    // than this.
    const Deadline with_readers{std::chrono::milliseconds{lock_timeout()}};
    const Since since = lock_to_attach(managed, attach);
    const auto milliseconds = [&] {
        return attach == Statement::attach_filled ? std::max(with_readers.left(), 1)
                                                  : statement_timeout();
    };
    execute_as_owner(managed.parent,
                     attach_statement(managed, schema_name, create.name, create.bounds),
                     milliseconds());
    // In the same transaction: no row can come in between.
    if (const auto statement = replica_identity_statement(managed.parent, schema_name, create.name))
        execute_as_owner(managed.parent, *statement, milliseconds());
    const RelationId attached =
        managed.parent.table->is_distributed ? shell_of(relation, create.name) : relation;
    require_attached(managed, attached, create.bounds);
    queue_after_create(managed, attached, create.bounds);
    return since;
}

Since attach_again(const ManagedParent& managed, const Partition& partition) {
    // May scan the default partition, so it comes before all the locks are taken.
    require_room_in_default(managed, partition.bounds);
    lock_entry(partition.relation);
    lock_kept(partition.relation);
    // Moves the table out of an archive before it locks tables that others use.
    const Partition home = at_home(managed, partition);
    // PostgreSQL would read the table under locks that others wait for. A large one is read before,
    // but then nobody can use it while ppm waits for those locks.
    const Table& parent = *managed.parent.table;
    const bool is_prepared = !parent.is_distributed &&
                             locks_others(Statement::attach, parent.relation, home.relation) &&
                             takes_long_to_read(home.relation);
    bool has_check = false;
    if (is_prepared) {
        require_unchanged_for_attach(managed, home);
        has_check = add_bounds_check(managed, home);
    }
    const Since since = lock_to_attach(managed, Statement::attach, home.relation);
    // The CHECK has changed the table; but it has been locked since it was looked at.
    if (!is_prepared)
        require_unchanged_for_attach(managed, home);
    remove_entry_to_attach(home);
    forget_after_detach(home.relation);
    lock_names({NamedRelation{managed.parent}, NamedRelation{home}});
    if (!capabilities_of(managed.parent).tells_row_age)
        execute_as_owner(managed.parent, open_statement(home));
    execute_to_attach(managed, home, since);
    require_attached(managed, partition.relation, partition.bounds);
    if (has_check)
        drop_bounds_check(managed, home);
    return since;
}

constinit const Task provision{.name = "provision",
                               .verb = "provision",
                               .sqlstate = errcode_provisioning_failed,
                               .actions = &Plan::provision,
                               .keeps_ledger = false,
                               .reports_obstacles = true,
                               .reports_refusals = false,
                               .referring_first = false,
                               .executor = [](Session& session, History& history,
                                              CallWorker& worker) -> std::unique_ptr<Executor> {
                                   return std::make_unique<ProvisionExecutor>(session, history,
                                                                              worker);
                               }};

}  // namespace ppm
