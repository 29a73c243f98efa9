// One task on one parent: its plan, and the actions in it, each tried as long as that helps.
#pragma once

#include "pg/run/run.hpp"
#include "pg/run/run_lock.hpp"

namespace ppm {

class ParentRun {
  public:
    ParentRun(Session& session, History& history, const Clock& clock, const Task& task,
              Executor& executor)
        : session_{session}, history_{history}, clock_{clock}, task_{task}, executor_{executor} {}

    // An error that it throws is a failure, too.
    void run(const ManagedParent& managed);

    // The state so far, also after run() has thrown.
    std::vector<Failure>& failures() { return failures_; }

    // Whether run() ended because another call is at work on the table.
    bool is_kept_off() const { return is_kept_off_; }
    bool has_changed_partitions() const { return has_changed_; }

  private:
    enum class Outcome {
        done,
        failed,       // for a reason of its own
        lock_failed,  // lock timeout or deadlock; the next action would wait for the lock, too
        stopped,      // for a reason that ends all other work on this table
    };

    const std::vector<Action>& actions() const { return plan_.*task_.actions; }

    void adopt(const Parent& parent);
    bool has_work(const Parent& parent) const;
    void assess(const ManagedParent& managed);
    std::vector<const Action*> actions_in_order(const ManagedParent& managed);
    std::map<std::string, LastFailure> failures_of(const Configuration& configuration);
    Outcome attempt_all(const ManagedParent& managed);
    Outcome execute_all(const ManagedParent& managed);
    Outcome execute_each(const ManagedParent& managed, std::vector<const Action*>& left);
    Outcome execute(const ManagedParent& managed, const Action& action,
                    std::span<const Action* const> rest);
    void explain(const Action& action, const Error& error);
    Outcome end_of(const ManagedParent& managed, const Action& action, const Error& error);
    void forget_failure_of(const Subject& subject);
    void say_what_was_blocked(std::size_t count);
    bool is_as_planned(const Parent& parent);
    bool is_pending(const Action& action);

    Session& session_;
    History& history_;
    const Clock& clock_;
    const Task& task_;
    Executor& executor_;
    std::optional<RunLock> lock_;
    Plan plan_;
    std::vector<Failure> failures_;
    std::set<Subject> failed_before_;  // in earlier attempts
    bool has_changed_ = false;
    bool is_kept_off_ = false;
    // The partition whose detach is pending: until that is finished, PostgreSQL detaches no other
    // one CONCURRENTLY.
    std::optional<Subject> blocked_by_;
};

}  // namespace ppm
