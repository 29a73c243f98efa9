#include "pg/cleanup.hpp"

#include "core/text.hpp"
#include "pg/ddl.hpp"
#include "pg/ledger.hpp"
#include "pg/provision.hpp"
#include "pg/references.hpp"
#include "pg/report.hpp"
#include "pg/rows.hpp"
#include "pg/settings.hpp"
#include "pg/sqlstate.hpp"
#include "pg/worker.hpp"

namespace ppm {

namespace {

class Cleaning final : public Executor {
  public:
    using Executor::Executor;

    void begin(const ManagedParent& managed) override {
        if (managed.parent.ledger_is_stale)
            session_.step([&] { prune_detached(managed.parent); });
    }

    void execute(const ManagedParent& managed, const Action& action) override {
        if (const auto* const finalize_detach = std::get_if<FinalizeDetach>(&action))
            finalize(managed, *finalize_detach);
        else if (const auto* const detach_partition = std::get_if<DetachPartition>(&action))
            detach(managed, *detach_partition);
        else if (const auto* const drop_partition = std::get_if<DropPartition>(&action))
            drop(managed, *drop_partition);
        else
            attach(managed, std::get<AttachPartition>(action).partition);
    }

  private:
    // Somebody else's removal is finished, too: nothing of the parent can be detached before. What
    // comes of it is kept.
    void finalize(const ManagedParent& managed, const FinalizeDetach& action) {
        const Partition& partition = action.partition;
        if (!is_known(managed.parent, partition))
            session_.step([&] {
                require_same_configuration(managed.parent);
                record_detach(managed, partition, CleanupPolicy::detach);
            });
        // FINALIZE waits for every older snapshot in the database, under its locks. Waiting first,
        // without any, is in nobody's way, and may take longer.
        session_.step(
            [] {
                const StatementTimeout timeout{statement_timeout()};
                wait_for_older_snapshots();
            },
            statement_timeout());
        perform({Done::finished_detaching, managed, partition}, [&] {
            const Since since =
                lock_together(Statement::finish_detach, managed.parent, partition.relation);
            lock_parent(managed.parent);
            lock_partition(partition, false);
            execute_as_owner(managed.parent,
                             detach_statement(managed.parent, partition, Detach::finalize));
            confirm_detached(partition.relation);
            return since;
        });
        if (action.only_if_empty)
            keep_if_it_has_rows(managed, partition);
    }

    // Whether ppm itself set out to detach it.
    static bool is_known(const Parent& parent, const Partition& partition) {
        return std::ranges::any_of(parent.detached, [&](const DetachedPartition& each) {
            return each.partition.relation == partition.relation;
        });
    }

    void detach(const ManagedParent& managed, const DetachPartition& action) {
        const Partition& partition = action.partition;
        session_.read([&] {
            require_indexed_references(managed.parent);
            return true;
        });
        if (action.concurrently)
            detach_concurrently(managed, partition);
        else
            detach_plainly(managed, action);
        if (action.only_if_empty)
            keep_if_it_has_rows(managed, partition);
    }

    void detach_concurrently(const ManagedParent& managed, const Partition& partition) {
        const Deed detached{Done::detached, managed, partition};
        WorkerRecord record{};
        session_.step([&] {
            // The worker will write them when it is too late to leave the partition as it is.
            lock_own_tables();
            lock_parent(managed.parent);
            require_same_configuration(managed.parent);
            require_same_bounds(managed, partition);
            record_detach(managed, partition, managed.parent.configuration.cleanup_policy);
            record = history_.for_worker(detached);
        });
        std::chrono::microseconds others_waited{};
        try {
            // As all that may fail, in a subtransaction; it holds no lock and no snapshot.
            others_waited = session_.read([&] {
                if (!worker_)
                    worker_.emplace(managed.parent.table->owner);
                return worker_->detach(*managed.parent.table, partition, record);
            });
        } catch (const Error& error) {
            // It may have died; and before the catalog is asked what came of it, it must be over.
            worker_.reset();
            if (!ends_the_call(error))
                session_.step([&] { prune_detached(managed.parent); });
            throw;
        }
        say(detached);
        session_.leave_room(others_waited);
    }

    // With a default partition PostgreSQL has nothing weaker than ACCESS EXCLUSIVE on the parent.
    void detach_plainly(const ManagedParent& managed, const DetachPartition& action) {
        const Partition& partition = action.partition;
        perform({Done::detached, managed, partition}, [&] {
            const Since since =
                lock_together(Statement::detach, managed.parent, partition.relation);
            lock_parent(managed.parent, AccessExclusiveLock);
            lock_partition(partition, false);
            require_same_configuration(managed.parent);
            require_same_bounds(managed, partition);
            record_detach(managed, partition, managed.parent.configuration.cleanup_policy);
            for (const std::string& statement : statements_for(managed, action))
                execute_as_owner(managed.parent, statement);
            confirm_detached(partition.relation);
            return since;
        });
    }

    // A row may have come into a surplus partition until it was detached.
    void keep_if_it_has_rows(const ManagedParent& managed, const Partition& partition) {
        bool keep = false;
        session_.step([&] {
            lock_partition(partition, true);
            keep = has_rows(partition.relation);
        });
        if (!keep)
            return;
        attach(managed, partition);
        kept_.insert(partition.relation);
    }

    void attach(const ManagedParent& managed, const Partition& partition) {
        perform({Done::attached, managed, partition}, [&] {
            lock_parent(managed.parent);
            return attach_again(managed, partition);
        });
    }

    void drop(const ManagedParent& managed, const DropPartition& action) {
        const Partition& partition = action.partition;
        if (kept_.contains(partition.relation))
            return;
        perform({Done::dropped, managed, partition}, [&] {
            const Since since = lock_to_drop(partition);
            lock_partition(partition, true);
            require_same_configuration(managed.parent);
            if (action.only_if_empty && has_rows(partition.relation))
                throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                               "surplus partition " + in_quotes(partition.name) +
                                   " got rows while it was being removed",
                               {},
                               "The next call attaches it again."};
            require_unchanged(partition);
            forget_detached(partition);
            execute_as_owner(managed.parent, drop_statement(partition));
            return since;
        });
    }

    std::optional<Worker> worker_;
    std::set<Oid> kept_;
};

}  // namespace

constinit const Task cleanup{
    .name = "cleanup",
    .verb = "clean up",
    .sqlstate = errcode_cleanup_failed,
    .actions = &Plan::cleanup,
    .keeps_ledger = true,
    .reports_obstacles = false,
    .removes = true,
    .executor = [](Session& session, History& history) -> std::unique_ptr<Executor> {
        return std::make_unique<Cleaning>(session, history);
    }};

}  // namespace ppm
