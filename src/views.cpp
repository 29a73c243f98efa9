// What the views ppm.partitions and ppm.status are made of. Cheap: they read the catalog, and look
// into no table.
#include "core/coverage.hpp"
#include "core/state.hpp"
#include "pg/check.hpp"
#include "pg/report.hpp"
#include "pg/result_set.hpp"
#include "pg/size.hpp"
#include "pg/spi.hpp"
#include "pg/version.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_partition_states);
PG_FUNCTION_INFO_V1(ppm_table_states);
PG_FUNCTION_INFO_V1(ppm_total_bytes);
}

namespace {

using ppm::Cell;

void add(ppm::ResultSet& rows, const ppm::ManagedParent& managed, const ppm::Partition& partition,
         ppm::PartitionState state) {
    const ppm::Configuration& configuration = managed.parent.configuration;
    const ppm::Slot bounds = civil_bounds(managed, partition.bounds);
    const bool has_bounds = state != ppm::PartitionState::default_partition;
    rows.add({configuration.schema_name, configuration.table_name, partition.name,
              has_bounds ? Cell{bounds.lower} : Cell{std::nullopt},
              has_bounds ? Cell{bounds.upper} : Cell{std::nullopt}, std::string{name_of(state)},
              partition.relation});
}

void add_partitions(ppm::ResultSet& rows, const ppm::ManagedParent& managed,
                    const ppm::Clock& clock) {
    if (!validate(managed.parent).empty())
        return;
    const ppm::Window window = windows_of(managed, clock).work;
    const ppm::KeyCodec codec = codec_of(managed);
    for (const ppm::Partition& partition : managed.parent.partitions)
        add(rows, managed, partition, state_of(partition, codec, window));
    if (const auto& partition = managed.parent.default_partition)
        add(rows, managed, *partition, ppm::PartitionState::default_partition);
}

// How far the partitions go on from now; nothing if there is none for now. The default partition
// does not count: rows in it keep their own from being made.
std::optional<ppm::LocalTime> covered_until(const ppm::ManagedParent& managed,
                                            const ppm::Clock& clock) {
    const ppm::KeyCodec codec = codec_of(managed);
    std::vector<ppm::BoundRange> covered;
    for (const ppm::Partition& partition : managed.parent.partitions)
        if (!partition.detach_pending)
            covered.push_back(
                {codec.canonical(partition.bounds.lower), codec.canonical(partition.bounds.upper)});
    const auto end = ppm::covered_until(codec.encode(clock.now(*managed.zone)), covered);
    return end ? std::optional{codec.decode(*end)} : std::nullopt;
}

struct Coverage {
    Cell until = std::nullopt;
    Cell runway = std::nullopt;
};

Coverage coverage_of(const ppm::ManagedParent& managed, const ppm::Clock& clock) {
    const auto until = covered_until(managed, clock);
    if (!until)
        return {.runway = std::chrono::microseconds{0}};
    if (*until == ppm::plus_infinity)
        return {.until = *until};
    const std::chrono::microseconds runway =
        managed.zone->instant(*until) - clock.now(*managed.zone);
    return {*until, std::max(runway, std::chrono::microseconds{0})};
}

void add_table(ppm::ResultSet& rows, const ppm::ManagedParent& managed, const ppm::Clock& clock) {
    const ppm::Parent& parent = managed.parent;
    const std::vector<ppm::Anomaly> anomalies = check(managed, clock, ppm::Look::into_catalog);
    const auto count = [&](auto is_counted) {
        return static_cast<std::int32_t>(std::ranges::count_if(anomalies, is_counted));
    };
    const auto is_outdated = [](const ppm::Anomaly& each) {
        return each.code == ppm::AnomalyCode::outdated_partition;
    };
    const auto is_error = [](const ppm::Anomaly& each) {
        return severity_of(each.code) == ppm::Severity::error;
    };
    const auto partitions = parent.partitions.size() + (parent.default_partition ? 1 : 0);
    const Coverage coverage = validate(parent).empty() ? coverage_of(managed, clock) : Coverage{};
    rows.add({parent.configuration.schema_name, parent.configuration.table_name,
              interval_name(parent.configuration), coverage.until, coverage.runway,
              static_cast<std::int32_t>(partitions), count(is_outdated), count(is_error),
              count(std::not_fn(is_error)),
              parent.table ? Cell{parent.table->relation} : Cell{std::nullopt}});
}

// Reads the parents and calls add_rows() for each.
template <typename Read, typename AddRows>
Datum rows_of_all(FunctionCallInfo fcinfo, Read read, AddRows add_rows) {
    const ppm::SpiConnection spi{false};
    const ppm::Clock clock;
    ppm::ResultSet rows{fcinfo};
    for (const ppm::ManagedParent& managed : read(std::nullopt))
        add_rows(rows, managed, clock);
    return Datum{};
}

}  // namespace

Datum ppm_partition_states(PG_FUNCTION_ARGS) {
    return ppm::entry(
        [fcinfo] { return rows_of_all(fcinfo, ppm::read_with_partitions, add_partitions); });
}

Datum ppm_table_states(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo] { return rows_of_all(fcinfo, ppm::read_for_check, add_table); });
}

Datum ppm_total_bytes(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        const auto bytes = ppm::total_bytes(PG_GETARG_OID(0));
        if (!bytes)
            fcinfo->isnull = true;
        return ppm::call([=] { return Int64GetDatum(bytes.value_or(0)); });
    });
}
