#include "pg/run/run.hpp"

#include "pg/bridge/sqlstate.hpp"
#include "pg/catalog/configured_relations.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/convert/record.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/names.hpp"
#include "pg/records/growth.hpp"
#include "pg/records/hooks.hpp"
#include "pg/records/ledger.hpp"
#include "pg/records/replication.hpp"
#include "pg/run/check.hpp"
#include "pg/run/cleanup.hpp"
#include "pg/run/run_lock.hpp"

namespace ppm {

namespace {

constexpr int attempts = 3;
constexpr std::chrono::milliseconds shortest_pause{100};

enum class Outcome {
    done,         // or failed for a reason of its own
    lock_failed,  // so will the next one
    stopped,      // so would the next one be
};

bool is_about_clock(const Failure& failure) {
    return failure.sqlstate == errcode_clock_jump;
}

// Whether it came before the plan, in which the clock is judged.
bool is_before_the_plan(const Failure& failure) {
    return failure.action == cleanup.name && failure.sqlstate != cleanup.sqlstate;
}

// One task on one parent.
class ParentRun {
  public:
    ParentRun(Session& session, History& history, const Clock& clock, const Task& task,
              Executor& executor)
        : session_{session}, history_{history}, clock_{clock}, task_{task}, executor_{executor} {}

    // What it throws is a failure, too.
    void run(const ManagedParent& managed) {
        history_.begin_action();
        assess(managed);
        if (task_.reports_refusals && !plan_.not_archived.empty())
            warn_of(managed.parent.configuration, plan_.not_archived);
        adopt(managed.parent);
        if (!has_work(managed.parent))
            return;

        const Oid relation = managed.parent.table->relation;
        lock_.emplace(session_, relation);
        // Looks at the parent afresh before every attempt: it may have changed meanwhile.
        for (int attempt = 1;; ++attempt) {
            const std::vector<ManagedParent> parents =
                session_.read([&] { return read_with_partitions(relation); });
            assess(parents.front());
            executor_.begin(parents.front());
            const Outcome outcome = execute_all(parents.front());
            if (task_.reports_obstacles && !plan_.warnings.empty())
                warn_of(parents.front().parent.configuration, plan_.warnings);
            if (outcome != Outcome::lock_failed || session_.atomic() || attempt == attempts)
                return;
            session_.leave_room(history_.elapsed(), shortest_pause * attempt);
        }
    }

    // So far.
    std::vector<Failure>& failures() { return failures_; }
    bool has_changed_partitions() const { return has_changed_; }

  private:
    const std::vector<Action>& actions() const { return plan_.*task_.actions; }

    // Records what names mean, where a restore has left only names. The caller has the rights that
    // writing the row needs. In a read-only transaction what needs no work may succeed all the
    // same.
    void adopt(const Parent& parent) {
        if (!failures_.empty() || XactReadOnly)
            return;
        if (!parent.configured)
            session_.step([&] { adopt_relation(parent); });
        if (parent.is_kept_by_name)
            session_.step([&] { adopt_kept(parent); });
    }

    // An obstacle may have been another call's work in progress: it is looked at again with that
    // call kept off.
    bool has_work(const Parent& parent) const {
        return !actions().empty() || (task_.reports_obstacles && !plan_.obstacles.empty()) ||
               (task_.keeps_ledger && parent.ledger_is_stale);
    }

    // Makes the plan, and lists what is known to fail before anything is tried.
    void assess(const ManagedParent& managed) {
        const Parent& parent = managed.parent;
        plan_ = {};
        failures_.clear();
        for (const Anomaly& anomaly : validate(parent))
            failures_.push_back(failure_of(parent.configuration, task_.name, anomaly,
                                           errcode_invalid_configuration));
        if (!failures_.empty())
            return;

        plan_ = session_.read([&] {
            require_owner(parent.table->relation, parent.configuration.table_name);
            return plan_for(managed, clock_);
        });
        if (plan_.blocked)
            failures_.push_back(
                failure_of(parent.configuration, task_.name, *plan_.blocked, task_.sqlstate));
        if (task_.reports_refusals && plan_.clock_jump)
            failures_.push_back(failure_of(parent.configuration, task_.name, *plan_.clock_jump,
                                           errcode_clock_jump));
        if (task_.reports_obstacles)
            for (const auto& [wanted, reason] : plan_.obstacles) {
                failures_.push_back(
                    failure_of(parent.configuration, "create", reason, task_.sqlstate));
                failures_.back().bounds = shown_bounds(managed, wanted.bounds);
            }
        if (!task_.reports_refusals)
            return;
        for (const Anomaly& refusal : plan_.refusals)
            failures_.push_back(
                failure_of(parent.configuration, task_.name, refusal, task_.sqlstate));
        for (const LeftOut& left_out : plan_.left_out)
            failures_.push_back(
                failure_of(parent.configuration, task_.name, left_out.reason, task_.sqlstate));
    }

    // Executes what the plan has, up to the first lock that is not to be had and the first timeout.
    Outcome execute_all(const ManagedParent& managed) {
        std::set<std::string> failed;
        std::size_t left = actions().size();
        for (const Action& action : actions()) {
            --left;
            // A partition that could not be detached is not dropped either.
            const std::string name = partition_of(action);
            if (failed.contains(name))
                continue;
            const std::size_t failures = failures_.size();
            const Outcome outcome = execute(managed, action);
            if (failures_.size() > failures)
                failed.insert(name);
            if (outcome == Outcome::done)
                continue;
            if (left > 0)
                failures_.back().message += "; steps not tried after it: " + std::to_string(left);
            return outcome;
        }
        return Outcome::done;
    }

    Outcome execute(const ManagedParent& managed, const Action& action) {
        history_.begin_action();
        try {
            executor_.execute(managed, action);
            has_changed_ = has_changed_ || changes_partitions(action);
            return Outcome::done;
        } catch (const Error& error) {
            failures_.push_back(failure_of(managed, action, error));
            failures_.back().duration = history_.elapsed();
            if (ends_the_call(error))
                throw;
            // What somebody's function waited for in vain is in nobody else's way.
            if (std::holds_alternative<CallHook>(action) ||
                (!is_lock_failure(error) && !stops_the_table(error)))
                return Outcome::done;
            failures_.back().message +=
                session_.read([&] { return lock_holders(relations_of(managed, action)); });
            return is_lock_failure(error) ? Outcome::lock_failed : Outcome::stopped;
        }
    }

    static std::vector<Oid> relations_of(const ManagedParent& managed, const Action& action) {
        std::vector<Oid> relations{managed.parent.table->relation};
        if (const Partition* partition = existing_partition(action))
            relations.push_back(partition->relation);
        return relations;
    }

    Session& session_;
    History& history_;
    const Clock& clock_;
    const Task& task_;
    Executor& executor_;
    std::optional<RunLock> lock_;
    bool has_changed_ = false;
    Plan plan_;
    std::vector<Failure> failures_;
};

}  // namespace

Run::Run(Session& session, std::optional<Oid> relation) : session_{session}, relation_{relation} {}

// Keeps what do_one() could not do with each parent. That there is nothing to begin with is an
// error of the first phase; later, it is one failure more.
template <typename Read, typename DoOne>
void Run::for_each_parent(const char* action, int sqlstate, const std::string& what, Read read_all,
                          DoOne do_one) {
    std::vector<ManagedParent> parents;
    try {
        parents = session_.read([&] { return read_all(relation_); });
    } catch (const Error& error) {
        if (ends_the_call(error) || is_first_phase_)
            throw;
        failures_.push_back(failure_of(Configuration{}, action, error));
        failures_.back().table = {"ppm", "config"};
        end_phase(sqlstate, what, 1, 1);
        return;
    }
    is_first_phase_ = false;
    std::size_t failed = 0;
    for (const ManagedParent& managed : parents)
        failed += keep(managed, do_one(managed)) ? 1 : 0;
    end_phase(sqlstate, what, failed, parents.size());
}

void Run::perform(const Task& task) {
    performed_.emplace_back(task.name);
    const std::unique_ptr<Executor> executor = task.executor(session_, history_);
    for_each_parent(
        task.name, task.sqlstate, "could not " + std::string{task.verb},
        [](std::optional<Oid> relation) { return read_with_partitions(relation); },
        [&](const ManagedParent& managed) {
            if (performed_.size() == 1 && may_manage(managed.parent))
                record([&] { record_growth(managed.parent); });
            return perform(task, *executor, managed);
        });
}

std::vector<Failure> Run::perform(const Task& task, Executor& executor,
                                  const ManagedParent& managed) {
    ParentRun parent_run{session_, history_, clock_, task, executor};
    std::vector<Failure>& failures = parent_run.failures();
    try {
        parent_run.run(managed);
    } catch (const Error& error) {
        if (ends_the_call(error)) {
            if (failures.empty())
                failures.push_back(failure_of(managed.parent.configuration, task.name, error));
            record([&] { history_.record(failures); });
            throw;
        }
        failures.push_back(failure_of(managed.parent.configuration, task.name, error));
        failures.back().duration = history_.elapsed();
    }
    if (parent_run.has_changed_partitions() && managed.parent.configuration.analyze_parent)
        changed_.emplace(managed.parent.table->relation, managed);
    return std::move(failures);
}

void Run::check() {
    for_each_parent(
        "check", errcode_check_failed, "found errors in",
        [](std::optional<Oid> relation) { return read_for_check(relation); },
        [&](const ManagedParent& managed) { return check(managed); });
}

std::vector<Failure> Run::check(const ManagedParent& managed) {
    const Configuration& configuration = managed.parent.configuration;
    std::vector<Failure> failures;
    try {
        std::map<AnomalyCode, std::vector<Anomaly>> warnings;
        for (const Anomaly& anomaly : session_.read([&] { return ppm::check(managed, clock_); }))
            if (severity_of(anomaly) == Severity::warning)
                warnings[anomaly.code].push_back(anomaly);
            else
                failures.push_back(failure_of(configuration, "check", anomaly,
                                              anomaly.code == AnomalyCode::clock_jump
                                                  ? errcode_clock_jump
                                                  : errcode_check_failed));
        for (const auto& [code, anomalies] : warnings)
            warn_of(configuration, anomalies);
    } catch (const Error& error) {
        if (ends_the_call(error))
            throw;
        failures.push_back(failure_of(configuration, "check", error));
    }
    return failures;
}

// Records the failures at once: the call may be ended before it has said them. Returns whether
// there are any.
bool Run::keep(const ManagedParent& managed, const std::vector<Failure>& failures) {
    const bool failed = !failures.empty();
    // Whoever has no rights over the table has not worked on it.
    if (may_manage(managed.parent)) {
        History::Outcome& outcome = outcomes_[managed.parent.configuration.name()];
        outcome.ok = outcome.ok && !failed;
        outcome.clock_in_doubt = outcome.clock_in_doubt ||
                                 std::ranges::any_of(failures, is_about_clock) ||
                                 std::ranges::any_of(failures, is_before_the_plan);
    }
    std::ranges::copy(failures, std::back_inserter(failures_));
    if (failed)
        record([&] { history_.record(failures); });
    return failed;
}

void Run::end_phase(int sqlstate, const std::string& what, std::size_t failed, std::size_t all) {
    if (failed > 0)
        failed_phases_.push_back({sqlstate, what + " " + std::to_string(failed) + " of " +
                                                std::to_string(all) +
                                                (all == 1 ? " table" : " tables")});
}

// Returns whether it is recorded. In a transaction block a failure undoes everything, its record
// too.
template <typename Body>
bool Run::record(Body body) {
    if (session_.atomic())
        return false;
    try {
        session_.step(body);
        return true;
    } catch (const Error& error) {
        if (ends_the_call(error))
            throw;
        Failure failure = failure_of(Configuration{}, "record", error);
        failure.table = {"ppm", "history"};
        failures_.push_back(std::move(failure));
        return false;
    }
}

// Autovacuum never does it. Not in a transaction block, which would keep its locks.
void Run::analyze() {
    if (session_.atomic() || changed_.empty())
        return;
    std::size_t failed = 0;
    for (const auto& [relation, managed] : changed_)
        failed += keep(managed, analyze(managed)) ? 1 : 0;
    end_phase(errcode_provisioning_failed, "could not analyze", failed, changed_.size());
}

std::vector<Failure> Run::analyze(const ManagedParent& managed) {
    const Parent& parent = managed.parent;
    history_.begin_action();
    try {
        session_.step([&] {
            lock_names({NamedRelation{parent}});
            execute_as_owner(parent, analyze_statement +
                                         identifier(parent.configuration.schema_name) + "." +
                                         identifier(parent.configuration.table_name));
        });
        return {};
    } catch (const Error& error) {
        if (ends_the_call(error))
            throw;
        std::vector<Failure> failures{failure_of(parent.configuration, "analyze", error)};
        failures.back().duration = history_.elapsed();
        return failures;
    }
}

void Run::prune() {
    record([&] { history_.prune_last_run(); });
    record([] { prune_detached(); });
    record([] { prune_configured_relations(); });
    record([] { prune_growth(); });
    record([] { keep_replication_out(); });
    record([] { prune_kept(); });
    record([] { prune_pending_hooks(); });
    record([] { prune_conversions(); });
    bool more = false;
    const auto prune_some = [&] {
        const StatementTimeout timeout{statement_timeout()};
        more = history_.prune();
    };
    while (record(prune_some) && more)
        ;
}

void Run::finish() {
    analyze();
    // Also if there was nothing to do: who watches wants to see that somebody called.
    record([&] { history_.record_run(performed_, outcomes_); });
    session_.wait_for_standbys();
    if (failures_.empty())
        return;

    if (failed_phases_.empty())
        failed_phases_.push_back({failures_.front().sqlstate, "could not record the call"});
    std::string message;
    for (const Phase& phase : failed_phases_)
        message += (message.empty() ? "" : ", ") + phase.message;
    raise_failures(std::ranges::all_of(failures_, is_about_clock) ? errcode_clock_jump
                                                                  : failed_phases_.front().sqlstate,
                   message, failures_,
                   session_.atomic()
                       ? "Nothing was done: the call is atomic inside a transaction block."
                       : "Everything else was done. Call the procedure again after that.");
}

}  // namespace ppm
