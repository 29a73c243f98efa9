#include "pg/run/parent_run.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/bridge/sqlstate.hpp"
#include "pg/catalog/configured_relations.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/records/kept.hpp"
#include "pg/run/reference_failure.hpp"

namespace ppm {

namespace {

constexpr int attempts = 3;
constexpr std::chrono::milliseconds shortest_pause{100};

// What must be done before anything else of the parent can be detached.
bool comes_first(const Action& action) {
    return std::holds_alternative<FinalizeDetach>(action);
}

bool waits_for_snapshots(const Action& action) {
    return detaches_concurrently(action) || comes_first(action);
}

std::vector<Oid> relations_of(const ManagedParent& managed, const Action& action) {
    std::vector<Oid> relations{managed.parent.table->relation};
    if (const Partition* partition = existing_partition(action))
        relations.push_back(partition->relation);
    return relations;
}

}  // namespace

void ParentRun::run(const ManagedParent& managed) {
    history_.begin_action();
    assess(managed);
    if (task_.reports_refusals && !plan_.not_archived.empty())
        warn_of(managed.parent.configuration, plan_.not_archived);
    adopt(managed.parent);
    if (!has_work(managed.parent) && (!failures_.empty() || !executor_.has_work(managed)))
        return;

    const Oid relation = managed.parent.table->relation;
    is_kept_off_ = true;
    lock_.emplace(session_, relation);
    is_kept_off_ = false;
    // A deadlock ends an attempt early, so there may be more attempts until this has passed.
    const Deadline deadline{attempts * std::chrono::milliseconds{lock_timeout()}};
    // Looks at the parent again before every attempt: it may have changed.
    for (int attempt = 1;; ++attempt) {
        const std::vector<ManagedParent> parents =
            session_.read([&] { return read_again(relation, {managed}); });
        assess(parents.front());
        const Outcome outcome = attempt_all(parents.front());
        for (const Failure& failure : failures_)
            failed_before_.insert({failure.relation, failure.partition});
        if (task_.reports_obstacles && !plan_.warnings.empty())
            warn_of(parents.front().parent.configuration, plan_.warnings);
        if (outcome != Outcome::lock_failed || session_.atomic() ||
            (attempt >= attempts && deadline.has_passed()))
            return;
        session_.leave_room(history_.elapsed(), shortest_pause * std::min(attempt, attempts));
    }
}

ParentRun::Outcome ParentRun::attempt_all(const ManagedParent& managed) {
    executor_.begin(managed, actions());
    try {
        const Outcome outcome = execute_all(managed);
        executor_.end(managed);
        return outcome;
    } catch (const Error& error) {
        if (ends_the_call(error))
            executor_.end(managed);
        throw;
    }
}

// Records OIDs where a restore has left only names. The caller has the rights to write those rows.
// Does nothing in a read-only transaction: a call that has no work may still succeed there.
void ParentRun::adopt(const Parent& parent) {
    if (!failures_.empty() || XactReadOnly)
        return;
    if (!parent.configured)
        session_.step([&] { adopt_relation(parent); });
    if (parent.is_kept_by_name)
        session_.step([&] { adopt_kept(parent); });
}

// An obstacle may be another call's work in progress. It is checked again while that call is kept
// off.
bool ParentRun::has_work(const Parent& parent) const {
    return !actions().empty() || (task_.reports_obstacles && !plan_.obstacles.empty()) ||
           (task_.keeps_ledger && parent.ledger_is_stale);
}

// Makes the plan, and lists what is known to fail before anything is tried.
void ParentRun::assess(const ManagedParent& managed) {
    const Parent& parent = managed.parent;
    plan_ = {};
    failures_.clear();
    for (const Anomaly& anomaly : validate(parent))
        failures_.push_back(
            failure_of(parent.configuration, task_.name, anomaly, errcode_invalid_configuration));
    if (!failures_.empty())
        return;

    plan_ = session_.read([&] {
        require_owner(parent.table->relation, parent.configuration.table_name);
        Plan plan = plan_for(managed, clock_);
        executor_.foresee(managed, plan);
        return plan;
    });
    if (plan_.blocked)
        failures_.push_back(
            failure_of(parent.configuration, task_.name, *plan_.blocked, task_.sqlstate));
    if (task_.reports_refusals && plan_.clock_jump)
        failures_.push_back(
            failure_of(parent.configuration, task_.name, *plan_.clock_jump, errcode_clock_jump));
    if (task_.reports_obstacles)
        for (const auto& [wanted, reason] : plan_.obstacles) {
            failures_.push_back(failure_of(parent.configuration, "create", reason, task_.sqlstate));
            failures_.back().bounds = shown_bounds(managed, wanted.bounds);
        }
    if (!task_.reports_refusals)
        return;
    for (const Anomaly& refusal : plan_.refusals)
        failures_.push_back(failure_of(parent.configuration, task_.name, refusal, task_.sqlstate));
    for (const LeftOut& left_out : plan_.left_out)
        failures_.push_back(
            failure_of(parent.configuration, task_.name, left_out.reason, task_.sqlstate));
}

// The order of the plan, but tables whose last attempt failed, in this call or before, come last.
// Otherwise a table that others have locked for days would end every call before the rest is done.
std::vector<const Action*> ParentRun::actions_in_order(const ManagedParent& managed) {
    std::vector<const Action*> order;
    for (const Action& action : actions())
        order.push_back(&action);
    const auto is_about_a_table = [](const Action* action) {
        return existing_partition(*action) != nullptr && !comes_first(*action);
    };
    std::set<Subject> tables;
    for (const Action* action : order)
        if (is_about_a_table(action))
            tables.insert(subject_of(*action));
    // A single table is last in any case.
    if (tables.empty() || (tables.size() == 1 && std::ranges::all_of(order, is_about_a_table)))
        return order;
    const auto failed = failures_of(managed.parent.configuration);
    std::stable_partition(order.begin(), order.end(), [&](const Action* action) {
        return !is_about_a_table(action) || !(failed.contains(partition_of(*action)) ||
                                              failed_before_.contains(subject_of(*action)));
    });
    return order;
}

// The failures of the last attempts. None if ppm.history is locked: they only help with the order.
std::map<std::string, LastFailure> ParentRun::failures_of(const Configuration& configuration) {
    try {
        return session_.read([&] { return last_failures(configuration); });
    } catch (const Error& error) {
        if (ends_the_call(error))
            throw;
        return {};
    }
}

// Executes the plan's actions, up to the first lock timeout. If rows of another partition refer to
// a partition, tries it again after the rest, as long as there is progress.
ParentRun::Outcome ParentRun::execute_all(const ManagedParent& managed) {
    blocked_by_.reset();
    std::vector<const Action*> left = actions_in_order(managed);
    while (!left.empty()) {
        const std::size_t before = left.size();
        const Outcome outcome = execute_each(managed, left);
        if (outcome != Outcome::done || left.size() == before)
            return outcome;
    }
    return Outcome::done;
}

// Executes each, and leaves in `left` those that are to be tried again.
ParentRun::Outcome ParentRun::execute_each(const ManagedParent& managed,
                                           std::vector<const Action*>& left) {
    std::set<Subject> failed;
    std::set<Subject> referred_to;
    std::vector<const Action*> again;
    std::span<const Action* const> rest = left;
    std::size_t blocked = 0;
    for (const Action* action : left) {
        rest = rest.subspan(1);
        const Subject subject = subject_of(*action);
        // A partition that could not be detached is not dropped either.
        if (referred_to.contains(subject))
            again.push_back(action);
        if (failed.contains(subject) || referred_to.contains(subject))
            continue;
        if (blocked_by_ && detaches_concurrently(*action)) {
            failed.insert(subject);
            ++blocked;
            continue;
        }
        forget_failure_of(subject);
        const Outcome outcome = execute(managed, *action, rest);
        if (outcome == Outcome::failed) {
            const bool is_reference = is_reference_failure(failures_.back());
            (is_reference ? referred_to : failed).insert(subject);
            if (is_reference)
                again.push_back(action);
        }
        if (outcome != Outcome::lock_failed && outcome != Outcome::stopped)
            continue;
        if (!rest.empty())
            failures_.back().message +=
                "; steps not tried after it: " + std::to_string(rest.size());
        return outcome;
    }
    say_what_was_blocked(blocked);
    left = std::move(again);
    return Outcome::done;
}

// Adds to the failure that blocks other detaches how many partitions it blocks.
void ParentRun::say_what_was_blocked(std::size_t count) {
    const auto is_the_reason = [this](const Failure& each) {
        return blocked_by_ == Subject{each.relation, each.partition};
    };
    const auto reason = std::ranges::find_if(failures_, is_the_reason);
    if (count > 0 && reason != failures_.end())
        reason->message += "; partitions not detached because of it: " + std::to_string(count);
}

ParentRun::Outcome ParentRun::execute(const ManagedParent& managed, const Action& action,
                                      std::span<const Action* const> rest) {
    history_.begin_action();
    try {
        executor_.execute(managed, action, rest);
        has_changed_ = has_changed_ || changes_partitions(action);
        return Outcome::done;
    } catch (const Error& error) {
        failures_.push_back(failure_of(managed, action, error));
        failures_.back().duration = history_.elapsed();
        if (ends_the_call(error))
            throw;
        explain(action, error);
        return end_of(managed, action, error);
    }
}

// Adds to the failure which rows refer to the partition.
void ParentRun::explain(const Action& action, const Error& error) {
    const Partition* const partition = existing_partition(action);
    if (partition == nullptr)
        return;
    const auto reason = session_.read([&] { return reference_failure(*partition, error); });
    if (!reason)
        return;
    failures_.back().message += "; " + reason->rows;
    failures_.back().hint = reason->hint;
}

// Whether the next one is worth trying, after this error.
ParentRun::Outcome ParentRun::end_of(const ManagedParent& managed, const Action& action,
                                     const Error& error) {
    // A lock timeout in a hook's function does not affect other actions.
    if (std::holds_alternative<CallHook>(action))
        return Outcome::failed;
    const bool is_about_a_lock = is_lock_failure(error);
    if (is_about_a_lock || error.sqlstate() == ERRCODE_QUERY_CANCELED)
        failures_.back().message += session_.read([&] {
            return lock_holders(relations_of(managed, action), managed.parent.table->relation) +
                   (waits_for_snapshots(action) ? snapshot_holders(failures_.back().duration) : "");
        });
    if (is_about_a_lock)
        return Outcome::lock_failed;
    const bool is_about_the_table = error.sqlstate() == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE &&
                                    !is_as_planned(managed.parent);
    if (is_about_the_table || stops_the_table(error))
        return Outcome::stopped;
    if (!blocked_by_ && (comes_first(action) || detaches_concurrently(action)) &&
        session_.read([&] { return is_pending(action); }))
        blocked_by_ = subject_of(action);
    return Outcome::failed;
}

void ParentRun::forget_failure_of(const Subject& subject) {
    std::erase_if(failures_, [&](const Failure& each) {
        return Subject{each.relation, each.partition} == subject && is_reference_failure(each);
    });
}

// Whether the parent is still the one that the plan was made for.
bool ParentRun::is_as_planned(const Parent& parent) {
    try {
        session_.read([&] {
            require_owner(parent.table->relation, parent.configuration.table_name);
            require_same_configuration(parent);
            return true;
        });
        return true;
    } catch (const Error& error) {
        if (ends_the_call(error))
            throw;
        return false;
    }
}

bool ParentRun::is_pending(const Action& action) {
    return query("SELECT FROM pg_inherits WHERE inhrelid = $1 AND inhdetachpending",
                 {oid_parameter(existing_partition(action)->relation)})
               .count() > 0;
}

}  // namespace ppm
