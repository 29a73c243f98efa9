#include "pg/run/run.hpp"

#include "core/text.hpp"
#include "pg/bridge/sqlstate.hpp"
#include "pg/catalog/configured_relations.hpp"
#include "pg/catalog/referring_parents.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/convert/record.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/names.hpp"
#include "pg/records/growth.hpp"
#include "pg/records/hooks.hpp"
#include "pg/records/kept.hpp"
#include "pg/records/ledger.hpp"
#include "pg/records/replication.hpp"
#include "pg/run/check.hpp"
#include "pg/run/cleanup.hpp"
#include "pg/run/parent_run.hpp"

namespace ppm {

namespace {

// Whether the failure came before the plan, which checks the clock.
bool is_before_the_plan(const Failure& failure) {
    return failure.action == cleanup.name && failure.sqlstate != cleanup.sqlstate;
}

}  // namespace

Run::Run(Session& session, std::optional<Oid> relation) : session_{session}, relation_{relation} {}

bool detaches_concurrently(const Action& action) {
    const auto* const detach = std::get_if<DetachPartition>(&action);
    return detach != nullptr && detach->concurrently;
}

void Executor::foresee(const ManagedParent& managed, const Plan& plan) {
    if (std::ranges::any_of(plan.cleanup, detaches_concurrently))
        worker_.start_early(managed.parent.table->owner, session_.check_interval());
}

// Collects what do_one() could not do with each parent. If the parents cannot be read, the first
// phase throws; a later phase has one failure more.
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
    std::vector<Referred> referred;
    try {
        for (const ManagedParent& managed : parents) {
            std::vector<Failure> failures = do_one(managed);
            if (std::ranges::any_of(failures, is_reference_failure))
                referred.push_back({&managed, std::move(failures), moves_});
            else
                failed += collect(managed, failures) ? 1 : 0;
        }
        while (try_again(referred, do_one))
            ;
    } catch (...) {
        for (const Referred& each : referred)
            collect(*each.managed, each.failures);
        throw;
    }
    for (const Referred& each : referred)
        failed += collect(*each.managed, each.failures) ? 1 : 0;
    end_phase(sqlstate, what, failed, parents.size());
}

// Tries again what failed because rows of another table refer to it, if partitions were removed
// since. Returns whether anything was tried.
template <typename DoOne>
bool Run::try_again(std::vector<Referred>& referred, DoOne do_one) {
    bool tried = false;
    for (Referred& each : referred) {
        if (each.moves == moves_ || std::ranges::none_of(each.failures, is_reference_failure))
            continue;
        each.failures = do_one(*each.managed);
        each.moves = moves_;
        tried = true;
    }
    return tried;
}

std::vector<ManagedParent> Run::read_parents_again(std::optional<Oid> relation) {
    parents_ = parents_.empty() ? read_with_partitions(relation) : read_again(relation, parents_);
    return parents_;
}

// A lock on ppm's own tables keeps the call from recording what it does, not from doing it.
void Run::number_the_call() {
    try {
        session_.read([&] {
            history_.begin_call();
            return true;
        });
    } catch (const Error& error) {
        if (ends_the_call(error))
            throw;
    }
}

void Run::perform(const Task& task) {
    if (performed_.empty())
        number_the_call();
    performed_.emplace_back(task.name);
    const std::unique_ptr<Executor> executor = task.executor(session_, history_, worker_);
    for_each_parent(
        task.name, task.sqlstate, "could not " + std::string{task.verb},
        [&](std::optional<Oid> relation) {
            std::vector<ManagedParent> parents = read_parents_again(relation);
            if (task.referring_first)
                put_referring_first(parents);
            return parents;
        },
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
        failures.back().is_another_call = parent_run.is_kept_off();
    }
    // (A called hook does not count as a change: it is called again each time.)
    moves_ += parent_run.has_changed_partitions() ? 1 : 0;
    if (parent_run.has_changed_partitions() && managed.parent.configuration.analyze_parent)
        changed_.emplace(managed.parent.table->relation, managed);
    return std::move(failures);
}

void Run::check() {
    worker_.dismiss();
    for_each_parent(
        "check", errcode_check_failed, "found errors in",
        [&](std::optional<Oid> relation) {
            return read_rest_for_check(read_parents_again(relation));
        },
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
bool Run::collect(const ManagedParent& managed, const std::vector<Failure>& failures) {
    const bool failed = !failures.empty();
    // A caller without rights on the table has not worked on it.
    if (may_manage(managed.parent)) {
        History::Outcome& outcome = outcomes_[managed.parent.configuration.name()];
        const bool kept_off = failed && std::ranges::all_of(failures, &Failure::is_another_call);
        outcome.kept_off = outcome.kept_off || kept_off;
        outcome.ok = outcome.ok && (!failed || kept_off);
        outcome.clock_in_doubt = outcome.clock_in_doubt ||
                                 std::ranges::any_of(failures, &Failure::is_about_clock) ||
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
                                                counted(static_cast<std::int64_t>(all), "table")});
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

// Autovacuum never analyzes a partitioned table. A transaction block would keep the locks.
void Run::analyze() {
    if (session_.atomic() || changed_.empty())
        return;
    std::size_t failed = 0;
    for (const auto& [relation, managed] : changed_)
        failed += collect(managed, analyze(managed)) ? 1 : 0;
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
    // If the clock is in doubt, all of the history may seem old.
    if (std::ranges::any_of(failures_, &Failure::is_about_clock))
        return;
    bool more = false;
    const auto prune_some = [&] {
        const StatementTimeout timeout{statement_timeout()};
        more = history_.prune();
    };
    while (record(prune_some) && more)
        ;
}

void Run::finish() {
    worker_.dismiss();
    analyze();
    // Also if there was nothing to do: monitoring needs to see that the call was made.
    record([&] { history_.record_run(performed_, outcomes_, clock_.monotonic_now()); });
    session_.wait_for_standbys();
    if (failures_.empty())
        return;

    if (failed_phases_.empty())
        failed_phases_.push_back({failures_.front().sqlstate, "could not record the call"});
    std::string message;
    for (const Phase& phase : failed_phases_)
        message += (message.empty() ? "" : ", ") + phase.message;
    raise_failures(
        std::ranges::all_of(failures_, &Failure::is_about_clock) ? errcode_clock_jump
                                                                 : failed_phases_.front().sqlstate,
        message, failures_,
        session_.atomic() ? "Nothing was done: the call is atomic inside a transaction block."
                          : "Everything else was done. Call the procedure again after that.");
}

}  // namespace ppm
