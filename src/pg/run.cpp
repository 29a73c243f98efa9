#include "pg/run.hpp"

#include "pg/report.hpp"
#include "pg/rights.hpp"

namespace ppm {

namespace {

constexpr int attempts = 3;
constexpr std::chrono::milliseconds first_pause{100};

enum class Outcome {
    done,         // or failed for a reason of its own
    lock_failed,  // so will the next one
    stopped,      // so would the next one be
};

// One call's work on one parent.
class ParentRun {
  public:
    ParentRun(Session& session, const Clock& clock, const Task& task)
        : session_{session}, clock_{clock}, task_{task}, executor_{task.executor(session)} {}

    std::vector<Failure> run(const ManagedParent& managed) {
        assess(managed);
        if (!has_work(managed.parent))
            return std::move(failures_);

        keep_others_off(managed.parent);
        const Oid relation = managed.parent.table->relation;
        // Looks at the parent afresh before every attempt: it may have changed meanwhile.
        for (int attempt = 1;; ++attempt) {
            const std::vector<ManagedParent> parents =
                session_.read([&] { return read_with_partitions(relation); });
            assess(parents.front());
            executor_->begin(parents.front());
            const Outcome outcome = execute_all(parents.front());
            if (outcome != Outcome::lock_failed || session_.atomic() || attempt == attempts)
                return std::move(failures_);
            session_.pause(first_pause * attempt);
        }
    }

  private:
    const std::vector<Action>& actions() const { return plan_.*task_.actions; }

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
            failures_.push_back(failure_of(parent.configuration, anomaly));
        if (!failures_.empty())
            return;

        plan_ = session_.read([&] {
            require_owner(parent.table->relation, parent.configuration.table_name);
            return plan_for(managed, clock_);
        });
        if (task_.reports_obstacles)
            for (const Obstacle& obstacle : plan_.obstacles)
                failures_.push_back(failure_of(parent.configuration, obstacle.reason));
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
            const Outcome outcome = execute(managed, action, name);
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

    Outcome execute(const ManagedParent& managed, const Action& action, const std::string& name) {
        try {
            executor_->execute(managed, action);
            return Outcome::done;
        } catch (const Error& error) {
            if (ends_the_call(error))
                throw;
            failures_.push_back(failure_of(managed.parent.configuration, name, error));
            if (!is_lock_failure(error) && !stops_the_table(error))
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

    // Waits for other calls that work on the same table, for ppm.lock_timeout at most.
    void keep_others_off(const Parent& parent) {
        const auto lifetime =
            session_.atomic() ? AdvisoryLock::Lifetime::transaction : AdvisoryLock::Lifetime::scope;
        // The first step ends the snapshot that the plan was made with: a call that holds the lock
        // may have to wait for that.
        session_.step([] {});
        try {
            session_.step([&] { lock_.emplace(parent.table->relation, lifetime); });
        } catch (const Error& error) {
            if (error.sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE)
                throw;
            throw PpmError{ERRCODE_LOCK_NOT_AVAILABLE,
                           "another call of ppm is at work on the table"};
        }
    }

    Session& session_;
    const Clock& clock_;
    const Task& task_;
    std::optional<AdvisoryLock> lock_;
    std::unique_ptr<Executor>
        executor_;  // and with it its worker, which ends before the lock is given up
    Plan plan_;
    std::vector<Failure> failures_;
};

}  // namespace

void run(Session& session, const Task& task, std::optional<Oid> relation) {
    const Clock clock;
    const std::vector<ManagedParent> parents =
        session.read([&] { return read_with_partitions(relation); });

    std::vector<Failure> failures;
    std::size_t failed = 0;
    for (const ManagedParent& managed : parents) {
        std::vector<Failure> found;
        try {
            found = ParentRun{session, clock, task}.run(managed);
        } catch (const Error& error) {
            if (ends_the_call(error))
                throw;
            found.push_back(failure_of(managed.parent.configuration, {}, error));
        }
        failed += found.empty() ? 0 : 1;
        std::ranges::move(found, std::back_inserter(failures));
    }

    if (!failures.empty())
        raise_failures(
            task.sqlstate,
            "could not " + std::string{task.verb} + " " + std::to_string(failed) + " of " +
                std::to_string(parents.size()) + (parents.size() == 1 ? " table" : " tables"),
            failures,
            session.atomic() ? "Nothing was done: the call is atomic inside a transaction block."
                             : "Everything else was done. Call the procedure again after that.");
}

}  // namespace ppm
