#include "pg/provision.hpp"

#include "core/text.hpp"
#include "pg/ddl.hpp"
#include "pg/ledger.hpp"
#include "pg/likeness.hpp"
#include "pg/report.hpp"
#include "pg/rows.hpp"
#include "pg/sqlstate.hpp"

namespace ppm {

namespace {

// Rows of the range in the default partition keep a partition from being attached there.
void require_no_rows_in_default(const ManagedParent& managed, const BoundRange& bounds) {
    // Under the lock on the parent: what was planned with may not be its default partition any
    // more.
    const Table& table = *managed.parent.table;
    const Oid default_partition = call([&] { return get_default_partition_oid(table.relation); });
    if (!OidIsValid(default_partition))
        return;
    // ATTACH PARTITION would find them too, but only under an ACCESS EXCLUSIVE lock on the default
    // partition.
    if (!has_rows_within(default_partition, table.key_column, *table.key_type, bounds))
        return;
    const std::string name = in_quotes(call([=] { return get_rel_name(default_partition); }));
    throw PpmError{ERRCODE_CHECK_VIOLATION,
                   "default partition " + name + " holds rows of " + range_text(managed, bounds),
                   {},
                   "Move those rows out of default partition " + name + "."};
}

// A policy that cannot be copied is no reason to have no partition.
void copy_policies(const ManagedParent& managed, const std::string& schema_name,
                   const std::string& name) {
    const std::string partition = schema_name + "." + name;
    for (const std::string& statement : policy_statements(managed.parent, schema_name, name)) {
        try {
            Subtransaction subtransaction;
            execute_as_owner(managed.parent, statement);
            subtransaction.commit();
        } catch (const Error& error) {
            if (ERRCODE_TO_CATEGORY(error.sqlstate()) !=
                ERRCODE_TO_CATEGORY(ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION))
                throw;
            warn_of_policy(partition, error);
        }
    }
}

class Provisioning final : public Executor {
  public:
    using Executor::Executor;

    void execute(const ManagedParent& managed, const Action& action) override {
        if (const auto* const create = std::get_if<CreatePartition>(&action))
            run(managed, *create);
        else
            run(managed, std::get<AttachPartition>(action));
    }

  private:
    void run(const ManagedParent& managed, const CreatePartition& create) {
        const std::string& schema_name = managed.parent.configuration.schema_name;
        perform({Done::created, managed, schema_name, create.name, create.bounds}, [&] {
            lock_parent(managed.parent);
            require_no_rows_in_default(managed, create.bounds);
            Since since;
            const std::vector<std::string> statements = statements_for(managed, create);
            for (const std::string& statement : statements) {
                // Only ATTACH, the last one, locks what others use.
                if (&statement == &statements.back())
                    since = lock_together(Statement::attach_new, managed.parent);
                execute_as_owner(managed.parent, statement);
            }
            // In the same transaction: no row can come in between.
            if (const auto statement =
                    replica_identity_statement(managed.parent, schema_name, create.name))
                execute_as_owner(managed.parent, *statement);
            copy_policies(managed, schema_name, create.name);
            return since;
        });
    }

    void run(const ManagedParent& managed, const AttachPartition& attach) {
        perform({Done::attached, managed, attach.partition}, [&] {
            lock_parent(managed.parent);
            return attach_again(managed, attach.partition);
        });
    }
};

}  // namespace

Since attach_again(const ManagedParent& managed, const Partition& partition) {
    // A scan of the default partition, which is not to happen under all the locks.
    require_no_rows_in_default(managed, partition.bounds);
    const Since since = lock_together(Statement::attach, managed.parent, partition.relation);
    lock_partition(partition, true);
    forget_detached(partition);
    execute_as_owner(managed.parent, attach_statement(managed, partition.schema_name,
                                                      partition.name, partition.bounds));
    return since;
}

constinit const Task provision{
    .name = "provision",
    .verb = "provision",
    .sqlstate = errcode_provisioning_failed,
    .actions = &Plan::provision,
    .keeps_ledger = false,
    .reports_obstacles = true,
    .removes = false,
    .executor = [](Session& session, History& history) -> std::unique_ptr<Executor> {
        return std::make_unique<Provisioning>(session, history);
    }};

}  // namespace ppm
