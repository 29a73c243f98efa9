#include "pg/provision.hpp"

#include "core/text.hpp"
#include "pg/catalog.hpp"
#include "pg/ddl.hpp"
#include "pg/failures.hpp"
#include "pg/rights.hpp"
#include "pg/sqlstate.hpp"

namespace ppm {

namespace {

constexpr int attempts = 3;
constexpr std::chrono::milliseconds first_pause{100};

std::string range_text(const CreatePartition& create) {
    return to_text(create.lower) + " to " + to_text(create.upper);
}

void require_no_rows_in_default(const ManagedParent& managed, const CreatePartition& create) {
    // ATTACH PARTITION would find them too, but only under an ACCESS EXCLUSIVE lock on the default
    // partition.
    if (!ask_as_owner(managed.parent, rows_in_default_query(managed, create.bounds)))
        return;
    const std::string name = in_quotes(managed.parent.default_partition->name);
    throw PpmError{ERRCODE_CHECK_VIOLATION,
                   "default partition " + name + " holds rows of " + range_text(create),
                   {},
                   "Move those rows out of default partition " + name + "."};
}

void create_partition(const ManagedParent& managed, const CreatePartition& create) {
    lock_parent(managed.parent);
    if (managed.parent.default_partition)
        require_no_rows_in_default(managed, create);
    for (const std::string& statement : statements_for(managed, create))
        execute_as_owner(managed.parent, statement);
}

// What one look at a parent tells.
struct Assessment {
    std::vector<Failure> failures;  // what cannot be created as things are
    Plan plan;                      // what can
};

Assessment assess(Session& session, const Clock& clock, const ManagedParent& managed) {
    const Parent& parent = managed.parent;
    Assessment assessment;
    for (const Anomaly& anomaly : validate(parent))
        assessment.failures.push_back(failure_of(parent.configuration, anomaly));
    if (!assessment.failures.empty())
        return assessment;

    assessment.plan = session.read([&] {
        require_owner(parent.table->relation, parent.configuration.table_name);
        return plan_for(managed, clock);
    });
    for (const Obstacle& obstacle : assessment.plan.obstacles)
        assessment.failures.push_back(failure_of(parent.configuration, obstacle.reason));
    return assessment;
}

enum class Outcome {
    created,      // or failed for a reason of its own
    lock_failed,  // so will the next one
    timed_out,    // so will the next one
};

Outcome try_to_create(Session& session, const ManagedParent& managed, const CreatePartition& create,
                      std::vector<Failure>& failures) {
    const Configuration& configuration = managed.parent.configuration;
    try {
        session.step([&] { create_partition(managed, create); });
    } catch (const Error& error) {
        if (ends_the_call(error))
            throw;
        failures.push_back(failure_of(configuration, create.name, error));
        return is_lock_failure(error)        ? Outcome::lock_failed
               : is_statement_timeout(error) ? Outcome::timed_out
                                             : Outcome::created;
    }
    const std::string notice = "created partition " +
                               in_quotes(configuration.schema_name + "." + create.name) + " for " +
                               range_text(create);
    call([&] { ereport(NOTICE, (errmsg_internal("%s", notice.c_str()))); });
    return Outcome::created;
}

// Creates what the plan has, up to the first lock that is not to be had and the first timeout.
Outcome create_missing(Session& session, const ManagedParent& managed,
                       const std::vector<Action>& actions, std::vector<Failure>& failures) {
    std::size_t left = actions.size();
    for (const Action& action : actions) {
        --left;
        const Outcome outcome =
            try_to_create(session, managed, std::get<CreatePartition>(action), failures);
        if (outcome == Outcome::created)
            continue;
        if (left > 0)
            failures.back().message +=
                "; " + std::to_string(left) + " more partitions were not tried";
        return outcome;
    }
    return Outcome::created;
}

std::vector<ManagedParent> read_with_partitions(std::optional<Oid> relation) {
    std::vector<ManagedParent> parents = read_parents(relation);
    read_partitions(parents);
    return parents;
}

// With the other calls kept off. Looks at the parent afresh before every attempt: it may have
// changed meanwhile.
std::vector<Failure> create_with_retries(Session& session, const Clock& clock, Oid relation) {
    for (int attempt = 1;; ++attempt) {
        const std::vector<ManagedParent> parents =
            session.read([&] { return read_with_partitions(relation); });
        Assessment assessment = assess(session, clock, parents.front());
        const Outcome outcome =
            create_missing(session, parents.front(), assessment.plan.actions, assessment.failures);
        if (outcome != Outcome::lock_failed || session.atomic() || attempt == attempts)
            return std::move(assessment.failures);
        session.pause(first_pause * attempt);
    }
}

// Waits for other calls that work on the same table, for ppm.lock_timeout at most.
void keep_others_off(Session& session, const Parent& parent, std::optional<AdvisoryLock>& lock) {
    const auto lifetime =
        session.atomic() ? AdvisoryLock::Lifetime::transaction : AdvisoryLock::Lifetime::scope;
    try {
        session.step([&] { lock.emplace(parent.table->relation, lifetime); });
    } catch (const Error& error) {
        if (error.sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE)
            throw;
        throw PpmError{ERRCODE_LOCK_NOT_AVAILABLE, "another call of ppm is at work on the table"};
    }
}

std::vector<Failure> provision_parent(Session& session, const Clock& clock,
                                      const ManagedParent& managed) {
    Assessment assessment = assess(session, clock, managed);
    if (assessment.plan.actions.empty())
        return std::move(assessment.failures);

    std::optional<AdvisoryLock> lock;
    keep_others_off(session, managed.parent, lock);
    return create_with_retries(session, clock, managed.parent.table->relation);
}

}  // namespace

void provision(Session& session, std::optional<Oid> relation) {
    const Clock clock;
    const std::vector<ManagedParent> parents =
        session.read([&] { return read_with_partitions(relation); });

    std::vector<Failure> failures;
    std::size_t failed = 0;
    for (const ManagedParent& managed : parents) {
        std::vector<Failure> found;
        try {
            found = provision_parent(session, clock, managed);
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
            errcode_provisioning_failed,
            "could not provision " + std::to_string(failed) + " of " +
                std::to_string(parents.size()) + (parents.size() == 1 ? " table" : " tables"),
            failures,
            session.atomic() ? "Nothing was done: the call is atomic inside a transaction block."
                             : "Everything else was done. Call the procedure again after that.");
}

}  // namespace ppm
