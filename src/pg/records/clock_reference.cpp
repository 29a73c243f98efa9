#include "pg/records/clock_reference.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"

namespace ppm {

namespace {

constexpr char read_query[] =
    "SELECT schema_name, table_name, at, outcome = 'ok' FROM ppm.last_run "
    "WHERE procedure = 'cleanup'";
constexpr char of_one_table[] = " AND schema_name = $1 AND table_name = $2";

// A time that is at most a minute old cannot be in doubt, because a window is longer. So this
// hardly ever waits for a call that is being recorded.
constexpr char confirm_statement[] =
    "UPDATE ppm.last_run SET at = clock_timestamp() WHERE schema_name = $1 AND table_name = $2 "
    "AND procedure = 'cleanup' "
    "AND at NOT BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp()";

Rows read_last_cleanups(const std::vector<ManagedParent>& parents) {
    const UserContext owner{owner_of_ppm()};
    if (parents.size() != 1)
        return query(read_query);
    const Configuration& only = parents.front().parent.configuration;
    return query(std::string{read_query} + of_one_table,
                 {text_parameter(only.schema_name), text_parameter(only.table_name)});
}

}  // namespace

void read_clock_references(std::vector<ManagedParent>& parents) {
    struct LastCleanup {
        Instant at;
        ClockReference::Kind kind;
    };
    std::map<TableName, LastCleanup> last;
    for (auto& [schema_name, table_name, at, is_ok] :
         read_last_cleanups(parents).as<std::string, std::string, std::int64_t, bool>())
        last[{std::move(schema_name), std::move(table_name)}] = {
            to_instant(at),
            is_ok ? ClockReference::Kind::cleaned_up : ClockReference::Kind::failed};
    const LastCleanup start{to_instant(PgStartTime), ClockReference::Kind::server_started};
    for (ManagedParent& managed : parents) {
        if (!managed.zone)
            continue;
        const auto found = last.find(managed.parent.configuration.name());
        const auto& [at, kind] = found == last.end() ? start : found->second;
        managed.parent.clock_reference = {at, kind};
    }
}

void confirm_clock(const TableName& table) {
    const UserContext owner{owner_of_ppm()};
    execute(confirm_statement,
            {text_parameter(table.schema_name), text_parameter(table.table_name)});
}

}  // namespace ppm
