#include "pg/repartition/default_check.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/locks.hpp"
#include "pg/repartition/patience.hpp"
#include "pg/repartition/targets.hpp"

namespace ppm {

namespace {

// `(day < '2026-11-22' OR day >= '2026-11-23')`
std::string outside_of(const ManagedParent& managed, const BoundRange& bounds) {
    std::string text;
    if (bounds.lower.kind() == Bound::Kind::value)
        text = below(managed, bounds.lower);
    if (bounds.upper.kind() == Bound::Kind::value)
        text += (text.empty() ? "" : " OR ") + at_or_above(managed, bounds.upper);
    return text.empty() ? "false" : "(" + text + ")";
}

const JobTarget& default_target(const Job& job) {
    return *std::ranges::find_if(job.targets, &JobTarget::is_default);
}

// Alters the new default partition, under a lock that its writers wait for, for a moment.
void alter(const ManagedParent& managed, const JobTarget& target, const std::string& change) {
    keep_name(target);
    execute_as_owner(managed.parent,
                     "ALTER TABLE " + qualified_name(target.relation) + " " + change, INT_MAX);
}

void lock(const JobTarget& target) {
    const StatementTimeout timeout{statement_timeout()};
    lock_all({target.relation}, AccessExclusiveLock,
             std::min(lock_timeout(), longest_wait_for_target));
}

std::string condition_now(Session& session, const Job& job) {
    return session.read([&] {
        return default_condition(read_with_partitions(job.parent, Look::into_catalog).front(), job);
    });
}

bool has_next_check(const JobTarget& target) {
    return call([&] {
        return OidIsValid(get_relation_constraint_oid(target.relation, next_check_name, true));
    });
}

}  // namespace

std::string default_condition(const ManagedParent& managed, const Job& job) {
    const std::vector<Oid> sources = job.source_relations();
    std::vector<BoundRange> taken;
    for (const Partition& each : managed.parent.partitions)
        if (std::ranges::find(sources, each.relation) == sources.end())
            taken.push_back(each.bounds);
    for (const JobTarget& each : job.targets)
        if (!each.is_default)
            taken.push_back(each.bounds);
    std::ranges::sort(taken, {}, &BoundRange::lower);
    std::string text;
    for (const BoundRange& each : joined(taken))
        text += (text.empty() ? "" : " AND ") + outside_of(managed, each);
    return text.empty() ? "true" : text;
}

bool default_check_fits(Session& session, const Job& job) {
    return job.default_condition.empty() || condition_now(session, job) == job.default_condition;
}

void adapt_default_check(Session& session, const ManagedParent& managed, Job& job, int most) {
    if (job.default_condition.empty())
        return;
    const std::string condition = condition_now(session, job);
    const JobTarget& target = default_target(job);
    if (condition == job.default_condition) {
        if (session.read([&] { return has_next_check(target); }))
            step_with_patience(
                session,
                [&] {
                    lock(target);
                    drop_next_check(managed, target);
                },
                most);
        return;
    }
    const std::string next = next_check_name;
    step_with_patience(
        session,
        [&] {
            lock(target);
            drop_next_check(managed, target);
            alter(managed, target,
                  "ADD CONSTRAINT " + next + " CHECK (" + condition + ") NOT VALID");
        },
        most);
    // Reads all rows, beside readers and writers.
    step_with_patience(
        session, [&] { alter(managed, target, "VALIDATE CONSTRAINT " + next); }, most);
    step_with_patience(
        session,
        [&] {
            lock(target);
            alter(managed, target, std::string{"DROP CONSTRAINT "} + condition_name);
            alter(managed, target, "RENAME CONSTRAINT " + next + " TO " + condition_name);
            set_default_condition(job, condition);
        },
        most);
    job.default_condition = condition;
}

void drop_next_check(const ManagedParent& managed, const JobTarget& target) {
    if (has_next_check(target))
        alter(managed, target, std::string{"DROP CONSTRAINT "} + next_check_name);
}

}  // namespace ppm
