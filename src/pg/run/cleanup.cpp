#include "pg/run/cleanup.hpp"

#include "core/plan/capabilities.hpp"
#include "core/plan/removal.hpp"
#include "core/text.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/sqlstate.hpp"
#include "pg/catalog/references.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/rows.hpp"
#include "pg/catalog/unindexed_references.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/effects.hpp"
#include "pg/ddl/names.hpp"
#include "pg/records/hooks.hpp"
#include "pg/records/ledger.hpp"
#include "pg/run/archive.hpp"
#include "pg/run/hooks.hpp"
#include "pg/run/provision.hpp"
#include "pg/run/report.hpp"
#include "pg/run/worker.hpp"

namespace ppm {

namespace {

// The rows may have changed since they were read without a lock.
void require_keys_with_time(const ManagedParent& managed, const Partition& partition) {
    const KeyCodec codec = codec_of(managed);
    if (!codec.may_lack_time())
        return;
    if (const auto key =
            key_without_time(partition.relation, managed.parent.table->key_column, codec))
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "partition " + in_quotes(partition.name) + " has a row with the key " +
                           key_text(codec, *key) + ", which is not a " + key_noun(codec),
                       "It does not tell the time, so the partition is not removed.",
                       "Call the procedure again."};
}

class CleanupExecutor final : public Executor {
  public:
    using Executor::Executor;

    void begin(const ManagedParent& managed, const std::vector<Action>& actions) override {
        reattached_.clear();
        come_back_.clear();
        for (const Action& action : actions)
            if (const auto* const attach = std::get_if<AttachPartition>(&action))
                come_back_.insert(attach->partition.relation);
        just_detached_ = InvalidOid;
        last_dropped_at_once_ = InvalidOid;
        end_ahead();
        find_drops_at_once(managed, actions);
        if (managed.parent.ledger_is_stale)
            session_.step([&] {
                prune_detached(managed.parent);
                keep_if_configured(managed.parent);
            });
    }

    void end(const ManagedParent&) override { end_ahead(); }

    void execute(const ManagedParent& managed, const Action& action,
                 std::span<const Action* const> rest) override {
        if (const auto* const finalize_detach = std::get_if<FinalizeDetach>(&action))
            finalize(managed, *finalize_detach);
        else if (const auto* const detach_partition = std::get_if<DetachPartition>(&action))
            detach(managed, *detach_partition, rest);
        else if (const auto* const drop_partition = std::get_if<DropPartition>(&action))
            drop(managed, *drop_partition);
        else if (const auto* const archive_table = std::get_if<ArchiveTable>(&action))
            archive(managed, *archive_table);
        else if (const auto* const hook = std::get_if<CallHook>(&action))
            call(managed, *hook);
        else
            attach(managed, std::get<AttachPartition>(action).partition);
    }

  private:
    // If the policy is to detach, keeps for good the tables that wait to be dropped. The trigger on
    // ppm.config has already done that, except for a table that was recorded at that very moment.
    static void keep_if_configured(const Parent& parent) {
        if (parent.configuration.cleanup_policy == CleanupPolicy::detach)
            keep_detached(parent.table->relation);
    }

    // Finds partitions to detach and drop in one transaction, unless their rows are checked again
    // before the drop. (A writer that names a surplus partition may still fill it.)
    void find_drops_at_once(const ManagedParent& managed, const std::vector<Action>& actions) {
        drops_at_once_.clear();
        if (codec_of(managed).may_lack_time())
            return;
        for (std::size_t i = 1; i < actions.size(); ++i) {
            const auto* const detach = std::get_if<DetachPartition>(&actions[i - 1]);
            const auto* const drop = std::get_if<DropPartition>(&actions[i]);
            if (detach != nullptr && drop != nullptr && !drop->only_if_empty &&
                detach->partition.relation == drop->partition.relation)
                drops_at_once_.insert(drop->partition.relation);
        }
    }

    // Also finishes a detach that somebody else began: until then no partition of the parent can be
    // detached. That table is kept.
    void finalize(const ManagedParent& managed, const FinalizeDetach& action) {
        const Partition& partition = action.partition;
        // FINALIZE holds its locks while it waits for every older snapshot in the database. Waiting
        // first, without a lock, blocks nobody and may take longer.
        session_.step(
            [] {
                const StatementTimeout timeout{statement_timeout()};
                wait_for_older_snapshots();
            },
            statement_timeout());
        do_and_record({Done::finished_detaching, managed, partition},
                      [&] { return finish_detach(managed, partition); });
        if (come_back_.contains(partition.relation))
            return attach_at_once(managed, partition);
        if (action.only_if_empty)
            attach_if_not_empty(managed, partition);
    }

    // Before anything else is removed, which may have to wait. Another attempt would not know that
    // it is to come back: that is provision's from now on.
    void attach_at_once(const ManagedParent& managed, const Partition& partition) {
        try {
            attach(managed, partition);
            reattached_.insert(partition.relation);
        } catch (const Error& error) {
            if (ends_the_call(error) || !is_lock_failure(error))
                throw;
            throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                           "the interrupted detach was finished, but the table could not be "
                           "attached again: " +
                               error.message(),
                           {},
                           "CALL ppm.provision() tries again."};
        }
    }

    static Since finish_detach(const ManagedParent& managed, const Partition& partition) {
        lock_entry(partition.relation);
        // Not before: what ppm has recorded, and then did not finish, would be taken for its own.
        if (!is_known(managed.parent, partition)) {
            require_same_configuration(managed.parent);
            record_detach(removal_of(managed, partition, CleanupPolicy::detach));
        }
        keep_if_configured(managed.parent);
        lock_schema_names({managed.parent.table->relation, partition.relation});
        const Since since =
            lock_together(Statement::finish_detach, managed.parent, partition.relation);
        lock_parent(managed.parent);
        lock_partition(partition, false);
        lock_names({NamedRelation{managed.parent}, NamedRelation{partition}});
        // It waits for older snapshots while it holds its locks, so it gets no more time than a
        // lock wait.
        execute_as_owner(managed.parent,
                         detach_statement(managed.parent, partition, Detach::finalize),
                         std::min(lock_timeout(), statement_timeout()));
        require_detached(partition.relation);
        confirm_detached(partition.relation, NewFrom::begin_of_detach);
        return since;
    }

    // Whether ppm itself set out to detach it.
    static bool is_known(const Parent& parent, const Partition& partition) {
        return std::ranges::any_of(parent.detached, [&](const DetachedPartition& each) {
            return each.partition.relation == partition.relation;
        });
    }

    void detach(const ManagedParent& managed, const DetachPartition& action,
                std::span<const Action* const> rest) {
        const Partition& partition = action.partition;
        if (action.concurrently)
            detach_concurrently(managed, action, next_detach(action, rest));
        else
            detach_plainly(managed, action);
        just_detached_ = partition.relation;
        if (action.only_if_empty && !capabilities_of(managed.parent).rolls_detach_back)
            attach_if_not_empty(managed, partition);
    }

    // What the worker may detach next without waiting for this session, if anything: nothing else
    // is to be done in between, nor to be checked here.
    const DetachPartition* next_detach(const DetachPartition& action,
                                       std::span<const Action* const> rest) const {
        const auto is_dropped_at_once = [this](const DetachPartition& detach) {
            return drops_at_once_.contains(detach.partition.relation);
        };
        if (!is_dropped_at_once(action) || rest.size() < 2)
            return nullptr;
        const auto* const drop = std::get_if<DropPartition>(rest[0]);
        const auto* const next = std::get_if<DetachPartition>(rest[1]);
        return drop != nullptr && drop->partition.relation == action.partition.relation &&
                       next != nullptr && next->concurrently && is_dropped_at_once(*next)
                   ? next
                   : nullptr;
    }

    void detach_concurrently(const ManagedParent& managed, const DetachPartition& action,
                             const DetachPartition* next) {
        const Partition& partition = action.partition;
        if (ahead_ != partition.relation)
            request(managed, action);
        DetachAnswer answer = receive(managed, next);
        if (answer.is_skipped) {
            request(managed, action);
            answer = receive(managed, next);
        }
        if (answer.is_skipped) {
            end_worker();
            throw PpmError{ERRCODE_INTERNAL_ERROR,
                           "the background worker of ppm has skipped a request",
                           {},
                           "Call the procedure again."};
        }
        announce(CompletedAction{Done::detached, managed, partition});
        if (answer.is_dropped) {
            last_dropped_at_once_ = partition.relation;
            announce(CompletedAction{Done::dropped, managed, partition});
        }
        session_.leave_room(answer.others_waited);
    }

    // The worker checks everything but the keys again, under its own locks. This session waits for
    // locks on ppm's tables and the parent, where others look for waiting sessions.
    void request(const ManagedParent& managed, const DetachPartition& action) {
        end_ahead();
        WorkerRecord record{};
        session_.step([&] {
            require_indexed_references(managed.parent);
            lock_own_tables();
            lock_parent(managed.parent);
            if (codec_of(managed).may_lack_time()) {
                require_same_bounds(managed, action.partition);
                require_keys_with_time(managed, action.partition);
            }
            record = record_of(managed, action.partition);
        });
        with_worker([&] {
            worker_.get(managed.parent.table->owner, session_.check_interval())
                .request_detach(managed, action, drops_at_once_.contains(action.partition.relation),
                                record);
            return true;
        });
    }

    // The worker is still busy with the last request, and might wait for a lock of this session. So
    // this takes none.
    void request_ahead(const ManagedParent& managed, const DetachPartition& action) {
        WorkerRecord record{};
        try {
            session_.step([&] {
                require_indexed_references(managed.parent);
                record = record_of(managed, action.partition);
            });
        } catch (const Error& error) {
            if (ends_the_call(error)) {
                end_worker();
                throw;
            }
            // The error will come again when it is that partition's turn.
            return;
        }
        with_worker([&] {
            worker_.running().request_detach(managed, action, true, record);
            return true;
        });
        ahead_ = action.partition.relation;
    }

    WorkerRecord record_of(const ManagedParent& managed, const Partition& partition) {
        return history_.for_worker({CompletedAction{Done::detached, managed, partition},
                                    CompletedAction{Done::dropped, managed, partition}});
    }

    DetachAnswer receive(const ManagedParent& managed, const DetachPartition* next) {
        ahead_ = InvalidOid;
        if (next != nullptr)
            request_ahead(managed, *next);
        return with_worker([&] {
            const DetachAnswer answer = worker_.running().receive_detach();
            // Then the worker skips what was requested after it, too.
            if (answer.is_skipped && ahead_ != InvalidOid) {
                worker_.running().receive_detach();
                ahead_ = InvalidOid;
            }
            return answer;
        });
    }

    // In a subtransaction, like everything that may fail. It holds no lock and no snapshot.
    template <typename Body>
    std::invoke_result_t<Body> with_worker(Body body) {
        try {
            return session_.read(body);
        } catch (...) {
            // The worker may have died. It must have ended before the catalog is asked for the
            // result, and before another call may work on the table.
            end_worker();
            throw;
        }
    }

    void end_worker() {
        worker_.end();
        ahead_ = InvalidOid;
    }

    // The worker must not work on a partition whose turn does not come.
    void end_ahead() {
        if (ahead_ != InvalidOid)
            end_worker();
    }

    // With a default partition, PostgreSQL detaches only with ACCESS EXCLUSIVE on the parent.
    void detach_plainly(const ManagedParent& managed, const DetachPartition& action) {
        const Partition& partition = action.partition;
        const CleanupPolicy policy = policy_for(managed.parent.configuration, partition);
        session_.read([&] {
            require_indexed_references(managed.parent);
            return true;
        });
        do_and_record({Done::detached, managed, partition}, [&] {
            if (policy == CleanupPolicy::drop)
                lock_configuration(managed.parent.configuration.name());
            lock_entry(partition.relation);
            const Since since =
                lock_together(Statement::detach, managed.parent, partition.relation);
            lock_parent(managed.parent, AccessExclusiveLock);
            lock_partition(partition, false);
            require_same_configuration(managed.parent);
            require_same_bounds(managed, partition);
            require_keys_with_time(managed, partition);
            require_owner_of_tree(managed.parent.table->owner, partition.relation);
            require_harmless_references(managed.parent.table->owner, partition.relation);
            record_detach(removal_of(managed, partition, policy));
            lock_names({NamedRelation{managed.parent}, NamedRelation{partition}});
            for (const std::string& statement : statements_for(managed, action))
                execute_as_owner(managed.parent, statement);
            require_detached(partition.relation);
            if (action.only_if_empty && capabilities_of(managed.parent).rolls_detach_back)
                require_no_rows(partition, "The next call keeps it.");
            confirm_detached(partition.relation);
            return since;
        });
    }

    static void require_no_rows(const Partition& partition, const char* hint) {
        if (has_rows(partition.relation))
            throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                           "surplus partition " + in_quotes(partition.name) +
                               " got rows while it was being removed",
                           {},
                           hint};
    }

    // A row may have come into a surplus partition until it was detached.
    void attach_if_not_empty(const ManagedParent& managed, const Partition& partition) {
        bool keep = false;
        session_.step([&] {
            lock_partition(partition, true);
            keep = has_rows(partition.relation);
        });
        if (!keep)
            return;
        attach(managed, partition);
        reattached_.insert(partition.relation);
    }

    void attach(const ManagedParent& managed, const Partition& partition) {
        if (reattached_.contains(partition.relation))
            return;
        do_and_record({Done::attached, managed, partition}, [&] {
            lock_parent(managed.parent);
            return attach_again(managed, partition);
        });
    }

    void archive(const ManagedParent& managed, const ArchiveTable& action) {
        const Partition& partition = action.partition;
        if (reattached_.contains(partition.relation))
            return;
        do_and_record({Done::archived, managed, partition}, [&]() -> Since {
            lock_entry(partition.relation);
            lock_partition(partition, true);
            require_same_configuration(managed.parent);
            move_to_archive(managed, partition, action.schema_name);
            return std::nullopt;
        });
    }

    // A function may take as long as ppm.hook_timeout: rows may come meanwhile.
    void call(const ManagedParent& managed, const CallHook& hook) {
        if (reattached_.contains(hook.partition.relation))
            return;
        just_detached_ = InvalidOid;
        call_hook(session_, history_, managed, hook);
    }

    // An after_detach hook that was not called yet still needs the table.
    static void require_called(const Partition& partition) {
        if (has_pending_hook(partition.relation, HookEvent::after_detach))
            throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                           "table " + in_quotes(partition.qualified_name()) +
                               " is not dropped until its after_detach hooks have been called",
                           {},
                           "Fix the function, or delete its row from ppm.hooks."};
    }

    void drop(const ManagedParent& managed, const DropPartition& action) {
        const Partition& partition = action.partition;
        if (reattached_.contains(partition.relation) || last_dropped_at_once_ == partition.relation)
            return;
        const NewRows new_rows =
            partition.relation == just_detached_ ? NewRows::ignored : NewRows::looked_for;
        do_and_record({Done::dropped, managed, partition}, [&] {
            // Looking for new rows may take long, so it comes before other tables are locked.
            if (new_rows == NewRows::looked_for) {
                lock_against_writers(partition);
                require_unchanged(partition, new_rows);
            }
            // Whoever changes it concurrently comes before the drop, or after it; not while ppm
            // looks for new rows.
            lock_configuration(managed.parent.configuration.name());
            lock_entry(partition.relation);
            const Since since = lock_to_drop(partition);
            lock_partition(partition, true);
            require_same_configuration(managed.parent);
            require_called(partition);
            if (action.only_if_empty)
                require_no_rows(partition, "The next call attaches it again.");
            require_keys_with_time(managed, partition);
            require_owner_of_tree(managed.parent.table->owner, partition.relation);
            require_unchanged(partition, NewRows::ignored);
            remove_entry_to_drop(partition);
            lock_names({NamedRelation{partition}});
            execute_as_owner(managed.parent, drop_statement(partition));
            require_dropped(partition.relation, partition.qualified_name());
            return since;
        });
    }

    std::set<Oid> come_back_;         // what the plan attaches again
    std::set<Oid> reattached_;        // attached again, as planned or because rows came in
    Oid just_detached_ = InvalidOid;  // by the last action
    std::set<Oid> drops_at_once_;     // what may be dropped in the transaction that detaches it
    Oid last_dropped_at_once_ = InvalidOid;  // the last one that was
    Oid ahead_ = InvalidOid;                 // what the worker was asked to detach next
};

}  // namespace

constinit const Task cleanup{.name = "cleanup",
                             .verb = "clean up",
                             .sqlstate = errcode_cleanup_failed,
                             .actions = &Plan::cleanup,
                             .keeps_ledger = true,
                             .reports_obstacles = false,
                             .reports_refusals = true,
                             .referring_first = true,
                             .executor = [](Session& session, History& history,
                                            CallWorker& worker) -> std::unique_ptr<Executor> {
                                 return std::make_unique<CleanupExecutor>(session, history, worker);
                             }};

}  // namespace ppm
