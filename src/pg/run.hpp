// What the procedures have in common: each parent in turn, the plan's actions one by one, failures
// collected to the end, locks waited for again, other calls kept off.
#pragma once

#include "pg/catalog.hpp"
#include "pg/session.hpp"

namespace ppm {

// Executes actions on one parent.
class Executor {
  public:
    virtual ~Executor() = default;

    // Puts ppm's own records of the parent in order. Called before any action, with other calls
    // kept off.
    virtual void begin(const ManagedParent&) {}

    // Does it and says so in a NOTICE, or throws and leaves things as they were, or as a later call
    // can go on from.
    virtual void execute(const ManagedParent& managed, const Action& action) = 0;
};

// One of the procedures.
struct Task {
    const char* verb;                    // for "could not ... 1 of 3 tables"
    int sqlstate;                        // of the final error
    std::vector<Action> Plan::*actions;  // its half of the plan
    bool keeps_ledger;       // goes over ppm.detached even if nothing else is to be done
    bool reports_obstacles;  // what stands in the way of the plan is this procedure's failure
    std::unique_ptr<Executor> (*executor)(Session& session);  // for one call on one parent
};

// Runs the task on every configured parent, or on the one whose table is `relation`. Goes on past
// every failure and throws one error for all of them at the end.
void run(Session& session, const Task& task, std::optional<Oid> relation);

}  // namespace ppm
