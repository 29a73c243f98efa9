#include "pg/run/removal_warning.hpp"

#include "core/text.hpp"
#include "pg/bridge/messages.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/run/plan.hpp"
#include "pg/run/report.hpp"

namespace ppm {

namespace {

// Until the first VACUUM or ANALYZE only the statistics know. Does not wait for locked tables.
constexpr char rows_query[] =
    "WITH RECURSIVE tree AS (SELECT unnest($1) AS oid UNION ALL "
    "SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid) "
    "SELECT coalesce(sum(CASE WHEN c.reltuples >= 0 THEN c.reltuples "
    "ELSE pg_stat_get_live_tuples(c.oid) END), 0)::bigint, "
    "coalesce(bool_or(c.reltuples < 0 AND pg_stat_get_live_tuples(c.oid) = 0), false) "
    "FROM tree JOIN pg_class c ON c.oid = tree.oid WHERE c.relkind <> 'p'";

// Partitions that are removed although they may have rows.
std::vector<Partition> removals_of(const Plan& plan) {
    std::vector<Partition> removals;
    for (const Action& action : plan.cleanup)
        if (const auto* const detach = std::get_if<DetachPartition>(&action))
            if (!detach->only_if_empty)
                removals.push_back(detach->partition);
    return removals;
}

std::string fate_of(const Configuration& configuration, const std::vector<Partition>& removals) {
    const auto dropped = std::ranges::count_if(removals, [&](const Partition& each) {
        return policy_for(configuration, each) == CleanupPolicy::drop;
    });
    if (dropped == 0)
        return "They are detached, and kept as tables.";
    const std::string who = static_cast<std::size_t>(dropped) == removals.size()
                                ? "They are"
                                : "Of these, " + std::to_string(dropped) + " are";
    return who + (configuration.drop_delay.empty() ? " dropped for ever."
                                                   : " detached, and dropped for ever " +
                                                         configuration.drop_delay + " after that.");
}

// An unknown number of rows must not pass for zero.
std::string rows_in(const std::vector<Partition>& removals) {
    std::vector<Oid> relations(removals.size());
    std::ranges::transform(removals, relations.begin(), &Partition::relation);
    const auto [rows, any_is_unknown] =
        query(rows_query, {oid_array_parameter(relations)}).row<std::int64_t, bool>();
    return "about " + std::to_string(rows) + " rows" +
           (any_is_unknown ? ", and those of partitions that were never analyzed" : "");
}

void warn_of_removals(const ManagedParent& managed) {
    const Configuration& configuration = managed.parent.configuration;
    const std::vector<Partition> removals = removals_of(plan_for(managed, Clock{}));
    if (removals.empty())
        return;
    const bool is_one = removals.size() == 1;
    const std::string message =
        "the next cleanup of table " + in_quotes(configuration.qualified_name()) + " removes " +
        std::to_string(removals.size()) + (is_one ? " partition" : " partitions");
    const std::string detail =
        "Partitions of " +
        range_text(managed, {removals.front().bounds.lower, removals.back().bounds.upper}) +
        " are outdated now, with " + rows_in(removals) + ". " + fate_of(configuration, removals);
    call([&] {
        tell(WARNING, ERRCODE_WARNING, message.c_str(), detail.c_str(),
             "If you did not intend this, restore the old values before the next cleanup. SELECT * "
             "FROM ppm.plan(); shows what it would remove.");
    });
}

}  // namespace

void warn_of_removals(const TableName& name) {
    try {
        Subtransaction subtransaction;
        const auto managed = read_parent(name);
        if (managed && managed->parent.table && validate(managed->parent).empty())
            warn_of_removals(read_with_partitions(managed->parent.table->relation).front());
        subtransaction.commit();
    } catch (const Error& error) {
        // A failed warning must not keep the row from being written.
        if (ends_the_call(error))
            throw;
        const std::string message = error.message();
        call([&] {
            tell(WARNING, ERRCODE_WARNING, "could not tell what the next cleanup would remove",
                 message.c_str());
        });
    }
}

}  // namespace ppm
