#include "pg/repartition/swap.hpp"

#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/effects.hpp"
#include "pg/ddl/inherited_properties.hpp"
#include "pg/ddl/names.hpp"
#include "pg/ddl/template.hpp"
#include "pg/records/hooks.hpp"
#include "pg/records/kept.hpp"
#include "pg/records/ledger.hpp"
#include "pg/repartition/capture.hpp"
#include "pg/repartition/copy.hpp"
#include "pg/repartition/default_check.hpp"
#include "pg/repartition/refusals.hpp"
#include "pg/repartition/targets.hpp"

namespace ppm {

namespace {

constexpr char foreign_keys_query[] =
    "SELECT quote_ident(conname) FROM pg_constraint c WHERE conrelid = $1 AND contype = 'f' "
    "AND NOT EXISTS (SELECT FROM pg_constraint p WHERE p.oid = c.conparentid "
    "AND p.conrelid = c.conrelid)";

class Swap {
  public:
    Swap(const ManagedParent& managed, const Job& job, History& history)
        : managed_{managed}, job_{job}, history_{history} {}

    void run() {
        lock();
        try {
            exchange();
        } catch (const Error& error) {
            if (is_timeout(error) && limit_->has_passed())
                raise_too_long();
            throw;
        }
    }

  private:
    void exchange() {
        for (const JobSource& each : job_.sources)
            detach(each);
        enable_foreign_key_triggers(job_.target_relations());
        for (const JobTarget& each : job_.targets)
            if (!each.is_default)
                attach(each);
        // Last: PostgreSQL compares the default partition's CHECK with all other partitions.
        for (const JobTarget& each : job_.targets)
            if (each.is_default)
                attach(each);
        for (const JobSource& each : job_.sources)
            confirm_detached(each.partition.relation);
        drop_log(job_, deadline());
        forget_job(job_.parent);
        if (limit_->has_passed())
            raise_too_long();
    }

    const Table& table() const { return *managed_.parent.table; }

    // A lock on the parent alone would not stop writers that name a partition directly.
    void lock() {
        // Whatever may have to wait comes first.
        lock_own_tables();
        lock_configuration(managed_.parent.configuration.name());
        template_ = lock_models(managed_);
        const AdvisoryLock others{job_.parent, AdvisoryLock::Lifetime::transaction};
        std::vector<Oid> leave = job_.source_relations();
        // A reader of the log table would block its DROP TABLE.
        if (const Oid log = log_relation_of(job_); OidIsValid(log))
            leave.push_back(log);
        {
            const StatementTimeout timeout{statement_timeout()};
            lock_to_swap({.parent = job_.parent,
                          .leave = std::move(leave),
                          .come = job_.target_relations(),
                          .model = template_.value_or(InvalidOid)},
                         lock_timeout(), longest_wait_for_target);
        }
        limit_.emplace(std::chrono::milliseconds{swap_limit()});
        lock_parent(managed_.parent, AccessExclusiveLock);
        for (const JobSource& each : job_.sources)
            require_owner_of_tree(table().owner, each.partition.relation);
        for (const JobTarget& each : job_.targets)
            require_owner_of_tree(table().owner, each.relation);
        require_same_configuration(managed_.parent);
        require_movable(managed_, job_.source_partitions());
        require_trustworthy(managed_, job_);
        look_at_partitions();
        std::vector<NamedRelation> names{NamedRelation{managed_.parent}};
        for (const JobSource& each : job_.sources)
            names.emplace_back(each.partition);
        lock_names(names);
    }

    // Makes sure that the targets, and the new default partition's CHECK, still fit the other
    // partitions. Notes which sources were kept once.
    void look_at_partitions() {
        const auto now = read_with_partitions(job_.parent, Look::into_catalog);
        for (const Partition& each : now.front().parent.partitions) {
            if (!is_source(each) && overlaps_target(each.bounds))
                throw MustBeginAnew{"partition " + in_quotes(each.name) +
                                    " was attached concurrently"};
            if (is_source(each) && each.was_kept)
                kept_.push_back(each);
        }
        if (!job_.default_condition.empty() &&
            default_condition(now.front(), job_) != job_.default_condition)
            throw OtherPartitions{};
    }

    // Whether rows of a partition that was kept once are in the range.
    bool has_kept_rows(const BoundRange& bounds) const {
        return std::ranges::any_of(
            kept_, [&](const Partition& each) { return each.bounds.overlaps(bounds); });
    }

    bool is_source(const Partition& partition) const {
        return std::ranges::any_of(job_.sources, [&](const JobSource& each) {
            return each.partition.relation == partition.relation;
        });
    }

    bool overlaps_target(const BoundRange& bounds) const {
        return std::ranges::any_of(job_.targets, [&](const JobTarget& each) {
            return !each.is_default && each.bounds.overlaps(bounds);
        });
    }

    void execute(const std::string& statement) const {
        execute_as_owner(managed_.parent, statement, deadline().left());
    }

    // The estimate before the move does not know this machine, or event triggers.
    Deadline deadline() const {
        const int left = limit_->left();
        if (left == 0)
            raise_too_long();
        return Deadline{std::chrono::milliseconds{std::min(statement_timeout(), left)}};
    }

    [[noreturn]] void raise_too_long() const {
        throw PpmError{ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                       "the swap of partitions of table " +
                           in_quotes(managed_.parent.configuration.qualified_name()) +
                           " took longer than ppm.swap_limit",
                       "It was to put " + std::to_string(job_.targets.size()) +
                           " partitions in place of " + std::to_string(job_.sources.size()) +
                           ". Nothing was changed.",
                       "Raise ppm.swap_limit and call the procedure again. Or call ppm.abandon(), "
                       "and move one range of keys at a time."};
    }

    void detach(const JobSource& source) const {
        const Partition& partition = source.partition;
        execute(detach_statement(managed_.parent, partition, Detach::plain));
        require_detached(partition.relation);
        drop_capture(partition.relation, deadline());
        const std::string table = qualified_name(partition.relation);
        // Foreign keys would keep rows in the other table from being deleted for ever.
        for (const std::string& constraint :
             query(foreign_keys_query, {oid_parameter(partition.relation)}).values<std::string>())
            execute(std::string{"ALTER TABLE "}
                        .append(table)
                        .append(" DROP CONSTRAINT ")
                        .append(constraint));
        const std::string name = call([&] {
            return ChooseRelationName(partition.name.c_str(), nullptr, "repartitioned",
                                      get_rel_namespace(partition.relation), false);
        });
        execute("ALTER TABLE " + table + " RENAME TO " + identifier(name));
        Partition renamed = partition;
        renamed.name = name;
        renamed.was_kept = std::ranges::any_of(
            kept_, [&](const Partition& each) { return each.relation == partition.relation; });
        record_repartitioned(managed_, renamed);
        history_.record(CompletedAction{Done::repartitioned, managed_, partition});
    }

    void attach(const JobTarget& target) const {
        const std::string& schema = managed_.parent.configuration.schema_name;
        const std::string table = identifier(schema) + "." + identifier(target.name);
        execute("ALTER TABLE " + qualified_name(target.relation) + " RENAME TO " +
                identifier(target.name));
        execute(target.is_default ? "ALTER TABLE " + qualified_name(job_.parent) +
                                        " ATTACH PARTITION " + table + " DEFAULT"
                                  : attach_statement(managed_, schema, target.name, target.bounds));
        require_is_partition(target);
        // The CHECK constraint is no longer needed.
        execute("ALTER TABLE " + table + " DROP CONSTRAINT " + condition_name);
        if (target.is_default)
            drop_next_check(managed_, target);
        if (const auto statement = replica_identity_statement(managed_.parent, schema, target.name))
            execute(*statement);
        if (target.is_default)
            return;
        if (template_)
            for (const std::string& statement : template_statements(
                     managed_.parent, *template_, target.relation, table, TemplatePart::triggers))
                execute(statement);
        if (has_kept_rows(target.bounds))
            keep_for_good(target.relation);
        queue_after_create(managed_, target.relation, target.bounds);
    }

    void require_is_partition(const JobTarget& target) const {
        if (!target.is_default)
            return require_attached(managed_, target.relation, target.bounds);
        if (call([&] { return get_default_partition_oid(table().relation); }) != target.relation)
            throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                           "table " + in_quotes(target.name) + " was not attached as planned"};
    }

    const ManagedParent& managed_;
    const Job& job_;
    History& history_;
    std::optional<RelationId> template_ = {};
    std::vector<Partition> kept_ = {};    // the sources that were kept once
    std::optional<Deadline> limit_ = {};  // since all is locked
};

}  // namespace

void swap_tables(const ManagedParent& managed, const Job& job, History& history) {
    Swap{managed, job, history}.run();
}

}  // namespace ppm
