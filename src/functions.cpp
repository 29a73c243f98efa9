// ppm.validate() and ppm.plan(): what the plan is made from and what it says, as rows. They change
// nothing.
#include "pg/catalog.hpp"
#include "pg/ddl.hpp"
#include "pg/failures.hpp"
#include "pg/result_set.hpp"
#include "pg/spi.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_validate);
PG_FUNCTION_INFO_V1(ppm_plan);
}

namespace {

std::optional<Oid> parent_argument(FunctionCallInfo fcinfo) {
    return PG_ARGISNULL(0) ? std::nullopt : std::optional{PG_GETARG_OID(0)};
}

std::string joined(const std::vector<std::string>& statements) {
    std::string result;
    for (const std::string& statement : statements)
        result += (result.empty() ? "" : "\n") + statement + ";";
    return result;
}

}  // namespace

Datum ppm_validate(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        const ppm::SpiConnection spi{false};
        ppm::ResultSet rows{fcinfo};
        for (const auto& [parent, zone] : ppm::read_parents(parent_argument(fcinfo)))
            for (const ppm::Anomaly& anomaly : validate(parent))
                rows.add({parent.configuration.schema_name, parent.configuration.table_name,
                          ppm::name_or_null(anomaly.partition),
                          std::string{name_of(severity_of(anomaly.code))},
                          std::string{name_of(anomaly.code)}, anomaly.detail, anomaly.hint});
        return Datum{};
    });
}

Datum ppm_plan(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        const ppm::SpiConnection spi{false};
        const ppm::Clock clock;
        ppm::ResultSet rows{fcinfo};
        std::vector<ppm::ManagedParent> parents = ppm::read_parents(parent_argument(fcinfo));
        ppm::read_partitions(parents);

        std::int32_t step = 0;
        for (const ppm::ManagedParent& managed : parents) {
            const ppm::Parent& parent = managed.parent;
            if (const auto anomalies = validate(parent); !anomalies.empty()) {
                ppm::warn(parent.configuration, anomalies.front());
                continue;
            }
            for (const ppm::Action& action : ppm::plan_for(managed, clock).actions) {
                const auto& create = std::get<ppm::CreatePartition>(action);
                rows.add({++step, parent.configuration.schema_name, parent.configuration.table_name,
                          std::string{"create"}, create.name, create.lower, create.upper,
                          joined(statements_for(managed, create))});
            }
        }
        return Datum{};
    });
}
