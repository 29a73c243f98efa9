// What the procedures have in common: each parent in turn, the plan's actions one by one, failures
// collected to the end, locks waited for again, other calls kept off.
#pragma once

#include "pg/catalog/catalog.hpp"
#include "pg/records/history.hpp"
#include "pg/run/plan.hpp"
#include "pg/run/report.hpp"
#include "pg/run/session.hpp"
#include "pg/run/worker.hpp"

namespace ppm {

// Whether the action is a DETACH PARTITION ... CONCURRENTLY, which needs the worker.
bool detaches_concurrently(const Action& action);

// Executes actions, on one parent after the other.
class Executor {
  public:
    Executor(Session& session, History& history, CallWorker& worker)
        : session_{session}, history_{history}, worker_{worker} {}
    virtual ~Executor() = default;

    // Prepares what the plan will need, in a read().
    void foresee(const ManagedParent& managed, const Plan& plan);

    // Whether an interrupted call has left something to put in order, whatever the plan is.
    virtual bool has_work(const ManagedParent&) { return false; }

    // Puts ppm's own records of the parent in order, and prepares what the actions need. Called
    // before each attempt, with other calls kept off; end() is called after each.
    virtual void begin(const ManagedParent&, const std::vector<Action>&) {}
    virtual void end(const ManagedParent&) {}

    // Executes the action and reports it in a NOTICE. If it throws, nothing has changed, or a later
    // call can go on from there. `rest` are the actions that come after it if it does not throw.
    virtual void execute(const ManagedParent& managed, const Action& action,
                         std::span<const Action* const> rest) = 0;

  protected:
    // Runs body() as a step, records there what it did, and then says so. body() returns since when
    // others may have to wait for its locks: they get their turn before the next step.
    template <typename Body>
    void do_and_record(const CompletedAction& completed, Body body) {
        do_and_record(std::array{completed}, body);
    }

    template <std::size_t count, typename Body>
    void do_and_record(const std::array<CompletedAction, count>& completed, Body body) {
        Since since;
        session_.step([&] {
            lock_own_tables();
            since = body();
            for (const CompletedAction& each : completed)
                history_.record(each);
        });
        for (const CompletedAction& each : completed)
            announce(each);
        if (since && !session_.atomic())
            session_.leave_room(
                std::chrono::ceil<std::chrono::microseconds>(Deadline::Clock::now() - *since));
    }

    Session& session_;
    History& history_;
    CallWorker& worker_;
};

// What is done to every parent, one after the other.
struct Task {
    const char* name;                    // as ppm.history and ppm.last_run call it
    const char* verb;                    // for "could not ... 1 of 3 tables"
    int sqlstate;                        // of the final error
    std::vector<Action> Plan::*actions;  // its half of the plan
    bool keeps_ledger;       // goes over ppm.detached even if nothing else is to be done
    bool reports_obstacles;  // obstacles to the plan are failures of this task
    bool reports_refusals;   // so is what it does not remove although it should go
    bool referring_first;    // tables with foreign keys come before the tables that they refer to
    std::unique_ptr<Executor> (*executor)(Session& session, History& history, CallWorker& worker);
};

// One call of a procedure, on every configured parent or on the one whose table is `relation`:
// perform() and check(), in any number, then finish(). Each goes on past every failure.
class Run {
  public:
    Run(Session& session, std::optional<Oid> relation);

    void perform(const Task& task);

    // Tells that cleanup will be performed: what takes long to begin may begin before.
    void expect_cleanup() { worker_.expect(); }

    // Errors are failures; warnings are said at once.
    void check();

    // Deletes rows that ppm's own tables no longer need.
    void prune();

    // Records which tables were worked on, and throws one error for all the failures, with the
    // SQLSTATE of the first task that had one.
    void finish();

  private:
    struct Phase {
        int sqlstate;
        std::string message;  // `could not provision 1 of 3 tables`
    };

    // A parent with partitions that rows of other tables refer to, and moves_ as it was when the
    // parent was tried.
    struct Referred {
        const ManagedParent* managed;
        std::vector<Failure> failures;
        std::size_t moves;
    };

    template <typename Read, typename DoOne>
    void for_each_parent(const char* action, int sqlstate, const std::string& what, Read read_all,
                         DoOne do_one);
    void number_the_call();
    std::vector<ManagedParent> read_parents_again(std::optional<Oid> relation);
    template <typename DoOne>
    bool try_again(std::vector<Referred>& referred, DoOne do_one);
    std::vector<Failure> perform(const Task& task, Executor& executor,
                                 const ManagedParent& managed);
    std::vector<Failure> check(const ManagedParent& managed);
    void analyze();
    std::vector<Failure> analyze(const ManagedParent& managed);
    bool collect(const ManagedParent& managed, const std::vector<Failure>& failures);
    void end_phase(int sqlstate, const std::string& what, std::size_t failed, std::size_t all);
    template <typename Body>
    bool record(Body body);

    Session& session_;
    const Clock clock_;
    std::optional<Oid> relation_;
    History history_;
    CallWorker worker_;
    bool is_first_phase_ = true;
    std::vector<ManagedParent> parents_;  // as they were read last
    std::size_t moves_ = 0;               // how many times some parent's partitions were changed
    std::vector<std::string> performed_;
    std::map<TableName, History::Outcome> outcomes_;
    std::map<Oid, ManagedParent> changed_;  // to be analyzed
    std::vector<Phase> failed_phases_;
    std::vector<Failure> failures_;
};

}  // namespace ppm
