// ppm.validate(), ppm.check() and ppm.plan(): what the plan is made from and what it says, as rows.
// They change nothing.
#include "core/text.hpp"
#include "pg/bridge/result_set.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/bridge/version.hpp"
#include "pg/catalog/rows.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/run/check.hpp"
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

// What rows in the default partition keep out is not to be had by a call.
void leave_out_default_rows(const ppm::ManagedParent& managed, ppm::Plan& plan) {
    const auto& by_default = managed.parent.default_partition;
    if (!by_default || plan.provision.empty())
        return;
    std::vector<ppm::BoundRange> wanted;
    for (const ppm::Action& action : plan.provision)
        wanted.push_back(bounds_of(action));
    const ppm::Table& table = *managed.parent.table;
    const std::vector<bool> found = ppm::which_may_have_rows(
        by_default->relation, table.key_column, *table.key_type, wanted,
        ppm::Deadline{std::chrono::milliseconds{ppm::statement_timeout()}});
    std::vector<ppm::Action> possible;
    std::vector<ppm::Anomaly> anomalies;
    for (std::size_t i = 0; i < wanted.size(); ++i)
        if (found[i])
            anomalies.push_back({ppm::AnomalyCode::default_has_rows, by_default->name,
                                 "Default partition " + ppm::in_quotes(by_default->name) +
                                     " has rows of " + range_text(managed, wanted[i]) +
                                     ", which keep partition " +
                                     ppm::in_quotes(partition_of(plan.provision[i])) + " out.",
                                 "ppm.check() says what to do."});
        else
            possible.push_back(std::move(plan.provision[i]));
    plan.provision = std::move(possible);
    if (!anomalies.empty())
        ppm::warn_of(managed.parent.configuration, anomalies);
}

// Nothing is planned for a parent that cannot be managed, and no removal where one would be a
// guess.
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

void add(ppm::ResultSet& rows, std::int32_t step, const ppm::ManagedParent& managed,
         const ppm::Action& action) {
    const ppm::Configuration& configuration = managed.parent.configuration;
    const ppm::ShownBounds bounds = shown_bounds(managed, bounds_of(action));
    rows.add({step, configuration.schema_name, configuration.table_name,
              std::string{name_of(action)}, partition_of(action),
              edge_or_null(bounds.civil, &ppm::Slot::lower),
              edge_or_null(bounds.civil, &ppm::Slot::upper),
              joined(statements_for(managed, action)), bounds.lower_value, bounds.upper_value});
}

}  // namespace

Datum ppm_validate(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        const ppm::SpiConnection spi{false};
        ppm::ResultSet rows{fcinfo};
        for (const auto& [parent, zone] : ppm::read_parents(ppm::parent_argument(fcinfo)))
            add(rows, parent.configuration, validate(parent));
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
        return Datum{};
    });
}
