#include "pg/records/clock_reference.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"

namespace ppm {

namespace {

constexpr char read_query[] =
    "SELECT schema_name, table_name, at, outcome FROM ppm.last_run WHERE procedure = 'cleanup'";

// Nothing that is a minute old can be in doubt: a window is longer. So this hardly ever waits for
// somebody who records a call.
constexpr char confirm_statement[] =
    "UPDATE ppm.last_run SET at = clock_timestamp() WHERE schema_name = $1 AND table_name = $2 "
    "AND procedure = 'cleanup' "
    "AND at NOT BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp()";

}  // namespace

void read_clock_references(std::vector<ManagedParent>& parents) {
    struct LastCleanup {
        Instant at;
        ClockReference::Kind kind;
    };
    std::map<TableName, LastCleanup> last;
    {
        const UserContext owner{owner_of_ppm()};
        const Rows rows = query(read_query);
        for (std::size_t row = 0; row < rows.count(); ++row)
            last[{rows.string(row, 1), rows.string(row, 2)}] = {
                to_instant(DatumGetTimestampTz(rows.datum(row, 3))),
                rows.string(row, 4) == "ok" ? ClockReference::Kind::cleaned_up
                                            : ClockReference::Kind::failed};
    }
    const LastCleanup start{to_instant(PgStartTime), ClockReference::Kind::server_started};
    for (ManagedParent& managed : parents) {
        if (!managed.zone)
            continue;
        const auto found = last.find(managed.parent.configuration.name());
        const auto& [at, kind] = found == last.end() ? start : found->second;
        managed.parent.clock_reference = {managed.zone->civil(at), kind};
    }
}

void confirm_clock(const TableName& table) {
    const UserContext owner{owner_of_ppm()};
    execute(confirm_statement,
            {text_parameter(table.schema_name), text_parameter(table.table_name)});
}

}  // namespace ppm
