#include "pg/records/growth.hpp"

#include "pg/bridge/own_objects.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"

namespace ppm {

namespace {

// A day of hourly runs: enough to even out nights.
constexpr std::int64_t runs_remembered = 24;

constexpr char record_statement[] =
    "INSERT INTO ppm.growth (schema_name, table_name, at, greatest_key) "
    "SELECT c.schema_name, c.table_name, clock_timestamp(), $3 FROM ppm.config c "
    "WHERE c.schema_name = $1 AND c.table_name = $2";

constexpr char forget_statement[] =
    "DELETE FROM ppm.growth g WHERE g.schema_name = $1 AND g.table_name = $2 AND g.at < "
    "(SELECT min(l.at) FROM (SELECT at FROM ppm.growth WHERE schema_name = $1 AND table_name = $2 "
    "ORDER BY at DESC LIMIT $3) AS l)";

constexpr char prune_statement[] =
    "DELETE FROM ppm.growth g WHERE NOT EXISTS (SELECT FROM ppm.config c "
    "WHERE c.schema_name = g.schema_name AND c.table_name = g.table_name)";

// The growth from the oldest remembered run to the newest, in millionths of a key per second.
constexpr char rate_query[] =
    "SELECT least((max(l.greatest_key)::numeric - min(l.greatest_key)) * 1000000 "
    "/ nullif(extract(epoch FROM max(l.at) - min(l.at)), 0), 9e18)::bigint FROM "
    "(SELECT at, greatest_key FROM ppm.growth WHERE schema_name = $1 AND table_name = $2) AS l "
    "HAVING max(l.greatest_key) > min(l.greatest_key)";

}  // namespace

void record_growth(const Parent& parent) {
    const auto& key = parent.greatest_key;
    const Configuration& configuration = parent.configuration;
    if (!key || !key->greatest || !has_own_table("growth") ||
        has_jumped(*key, configuration.grid(), configuration.pre_provisioned))
        return;
    const UserContext owner{owner_of_ppm()};
    execute(record_statement,
            {text_parameter(configuration.schema_name), text_parameter(configuration.table_name),
             bigint_parameter(key->greatest->number())});
    execute(forget_statement,
            {text_parameter(configuration.schema_name), text_parameter(configuration.table_name),
             bigint_parameter(runs_remembered)});
}

void prune_growth() {
    if (!may_have_own_rows("growth"))
        return;
    const UserContext owner{owner_of_ppm()};
    execute(prune_statement);
}

std::optional<double> keys_per_second(const Parent& parent) {
    if (!may_have_own_rows("growth"))
        return std::nullopt;
    const UserContext owner{owner_of_ppm()};
    const auto rate = query(rate_query, {text_parameter(parent.configuration.schema_name),
                                         text_parameter(parent.configuration.table_name)})
                          .first_value<std::optional<std::int64_t>>()
                          .value_or(std::nullopt);
    constexpr double millionths = 1e6;
    if (!rate || *rate == 0)
        return std::nullopt;
    return static_cast<double>(*rate) / millionths;
}

}  // namespace ppm
