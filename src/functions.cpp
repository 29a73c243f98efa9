// ppm.validate(), ppm.check() and ppm.plan(): what the plan is made from and what it says, as rows.
// They change nothing.
#include "core/text.hpp"
#include "pg/bridge/result_set.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/bridge/version.hpp"
#include "pg/catalog/rows.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/run/archive.hpp"
#include "pg/run/check.hpp"
#include "pg/run/hooks.hpp"
#include "pg/run/plan.hpp"
#include "pg/run/report.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_validate);
PG_FUNCTION_INFO_V1(ppm_check);
PG_FUNCTION_INFO_V1(ppm_plan);
}

namespace {

std::string joined(const std::vector<std::string>& statements) {
    std::string result;
    for (const std::string& statement : statements)
        result += (result.empty() ? "" : "\n") + statement + ";";
    return result;
}

// Leaves out partitions that a call cannot create, because the default partition has rows of them.
void leave_out_default_rows(const ppm::ManagedParent& managed, ppm::Plan& plan) {
    const auto& by_default = managed.parent.default_partition;
    if (!by_default || plan.provision.empty())
        return;
    std::vector<ppm::BoundRange> wanted;
    std::vector<std::string> names;
    for (const ppm::Action& action : plan.provision)
        if (changes_partitions(action)) {
            wanted.push_back(bounds_of(action));
            names.push_back(partition_of(action));
        }
    const ppm::Table& table = *managed.parent.table;
    const std::vector<bool> found = ppm::which_may_have_rows(
        by_default->relation, table.key_column, *table.key_type, wanted,
        ppm::Deadline{std::chrono::milliseconds{ppm::statement_timeout()}});
    std::set<std::string> left_out;
    std::vector<ppm::Anomaly> anomalies;
    for (std::size_t i = 0; i < wanted.size(); ++i)
        if (found[i] && left_out.insert(names[i]).second)
            anomalies.push_back({ppm::AnomalyCode::default_has_rows, by_default->name,
                                 "Default partition " + ppm::in_quotes(by_default->name) +
                                     " has rows of " + range_text(managed, wanted[i]) +
                                     ", which keep partition " + ppm::in_quotes(names[i]) + " out.",
                                 "ppm.check() says what to do."});
    std::erase_if(plan.provision, [&](const ppm::Action& action) {
        return left_out.contains(partition_of(action));
    });
    if (!anomalies.empty())
        ppm::warn_of(managed.parent.configuration, anomalies);
}

// Plans nothing for a parent that cannot be managed, and no removal where it would be a guess.
ppm::Plan plan_or_warn(const ppm::ManagedParent& managed, const ppm::Clock& clock) {
    const auto anomalies = validate(managed.parent);
    if (anomalies.empty()) {
        ppm::Plan plan = ppm::plan_for(managed, clock);
        leave_out_default_rows(managed, plan);
        if (plan.blocked)
            ppm::warn(managed.parent.configuration, *plan.blocked);
        if (!plan.refusals.empty())
            ppm::warn_of(managed.parent.configuration, plan.refusals);
        return plan;
    }
    ppm::warn(managed.parent.configuration, anomalies.front());
    return {};
}

void add(ppm::ResultSet& rows, const ppm::Configuration& configuration,
         const std::vector<ppm::Anomaly>& anomalies) {
    for (const ppm::Anomaly& anomaly : anomalies)
        rows.add({configuration.schema_name, configuration.table_name,
                  ppm::name_or_null(anomaly.partition), std::string{name_of(severity_of(anomaly))},
                  std::string{name_of(anomaly.code)}, anomaly.detail, anomaly.hint});
}

// For people to read.
std::vector<std::string> statements_of(const ppm::ManagedParent& managed,
                                       const ppm::Action& action) {
    if (const auto* const hook = std::get_if<ppm::CallHook>(&action))
        return {hook_statement(managed, *hook)};
    if (const auto* const archive = std::get_if<ppm::ArchiveTable>(&action))
        return move_statements(archive->partition, archive->schema_name);
    std::vector<std::string> statements;
    const auto* const attach = std::get_if<ppm::AttachPartition>(&action);
    if (attach == nullptr || attach->home_schema.empty() ||
        is_taken_in(attach->home_schema, attach->partition))
        return statements_for(managed, action);
    statements = move_statements(attach->partition, attach->home_schema);
    ppm::AttachPartition at_home = *attach;
    at_home.partition.schema_name = attach->home_schema;
    std::ranges::move(statements_for(managed, ppm::Action{at_home}),
                      std::back_inserter(statements));
    return statements;
}

void add(ppm::ResultSet& rows, std::int32_t step, const ppm::ManagedParent& managed,
         const ppm::Action& action) {
    const ppm::Configuration& configuration = managed.parent.configuration;
    const ppm::ShownBounds bounds = shown_bounds(managed, bounds_of(action));
    rows.add({step, configuration.schema_name, configuration.table_name,
              std::string{name_of(action)}, partition_of(action),
              edge_or_null(bounds.civil, &ppm::Slot::lower),
              edge_or_null(bounds.civil, &ppm::Slot::upper), joined(statements_of(managed, action)),
              bounds.lower_value, bounds.upper_value});
}

// The row has no step number, because the drop is not done now.
void add(ppm::ResultSet& rows, const ppm::ManagedParent& managed, const ppm::LaterDrop& later) {
    const ppm::Configuration& configuration = managed.parent.configuration;
    const ppm::Action drop = ppm::DropPartition{later.partition, false};
    const ppm::ShownBounds bounds = shown_bounds(managed, later.partition.bounds);
    rows.add({std::nullopt, configuration.schema_name, configuration.table_name,
              std::string{name_of(drop)}, later.partition.name,
              edge_or_null(bounds.civil, &ppm::Slot::lower),
              edge_or_null(bounds.civil, &ppm::Slot::upper),
              "-- " + later.when + "\n" + joined(statements_for(managed, drop)), bounds.lower_value,
              bounds.upper_value});
}

}  // namespace

Datum ppm_validate(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        const ppm::SpiConnection spi{false};
        ppm::ResultSet rows{fcinfo};
        for (const ppm::ManagedParent& managed : ppm::read_parents(ppm::parent_argument(fcinfo)))
            add(rows, managed.parent.configuration, validate(managed.parent));
        return Datum{};
    });
}

Datum ppm_check(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        const ppm::SpiConnection spi{false};
        const ppm::Clock clock;
        ppm::ResultSet rows{fcinfo};
        for (const ppm::ManagedParent& managed : ppm::read_for_check(ppm::parent_argument(fcinfo)))
            add(rows, managed.parent.configuration, check(managed, clock));
        return Datum{};
    });
}

Datum ppm_plan(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        const ppm::SpiConnection spi{false};
        const ppm::Clock clock;
        ppm::ResultSet rows{fcinfo};
        const std::vector<ppm::ManagedParent> parents =
            ppm::read_with_partitions(ppm::parent_argument(fcinfo));
        std::vector<ppm::Plan> plans;
        plans.reserve(parents.size());
        for (const ppm::ManagedParent& managed : parents)
            plans.push_back(plan_or_warn(managed, clock));

        // As run one after the other: first CALL ppm.provision(), then CALL ppm.cleanup().
        std::int32_t step = 0;
        for (const auto half : {&ppm::Plan::provision, &ppm::Plan::cleanup})
            for (std::size_t i = 0; i < parents.size(); ++i)
                for (const ppm::Action& action : plans[i].*half)
                    add(rows, ++step, parents[i], action);
        for (std::size_t i = 0; i < parents.size(); ++i)
            for (const ppm::LaterDrop& later : plans[i].later)
                add(rows, parents[i], later);
        return Datum{};
    });
}
