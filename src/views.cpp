// The functions behind the views ppm.partitions and ppm.status. They are cheap: they read only the
// catalog, and no table.
#include "core/grid/coverage.hpp"
#include "core/plan/state.hpp"
#include "pg/bridge/result_set.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/bridge/version.hpp"
#include "pg/catalog/size.hpp"
#include "pg/records/growth.hpp"
#include "pg/run/check.hpp"
#include "pg/run/report.hpp"

#include <algorithm>
#include <cmath>

extern "C" {
PG_FUNCTION_INFO_V1(ppm_partition_states);
PG_FUNCTION_INFO_V1(ppm_table_states);
PG_FUNCTION_INFO_V1(ppm_total_bytes);
PG_FUNCTION_INFO_V1(ppm_free_bytes);
}

namespace {

using ppm::Cell;

void add(ppm::ResultSet& rows, const ppm::ManagedParent& managed, const ppm::Partition& partition,
         ppm::PartitionState state) {
    const ppm::Configuration& configuration = managed.parent.configuration;
    const ppm::ShownBounds bounds = state == ppm::PartitionState::default_partition
                                        ? ppm::ShownBounds{}
                                        : shown_bounds(managed, partition.bounds);
    rows.add({configuration.schema_name, configuration.table_name, partition.name,
              edge_or_null(bounds.civil, &ppm::Slot::lower),
              edge_or_null(bounds.civil, &ppm::Slot::upper), std::string{name_of(state)},
              partition.relation, ppm::name_or_null(bounds.lower_value),
              ppm::name_or_null(bounds.upper_value)});
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

// The key of now: by the clock, or the greatest key that exists.
ppm::Bound key_of_now(const ppm::ManagedParent& managed, const ppm::Clock& clock) {
    const ppm::KeyCodec codec = codec_of(managed);
    const auto& key = managed.parent.greatest_key;
    return key ? codec.encode(key->greatest.value_or(key->start))
               : codec.encode(clock.now(*managed.zone));
}

// How far the partitions reach from now without a hole; nothing if none covers now. The default
// partition does not count: its rows keep their own partitions from being created.
std::optional<ppm::Bound> covered_until(const ppm::ManagedParent& managed,
                                        const ppm::Clock& clock) {
    const ppm::KeyCodec codec = codec_of(managed);
    std::vector<ppm::BoundRange> covered;
    for (const ppm::Partition& partition : managed.parent.partitions)
        if (!partition.detach_pending)
            covered.push_back(codec.canonical(partition.bounds));
    return ppm::covered_until(codec.canonical(key_of_now(managed, clock)), covered);
}

// How many whole slots above the current one end before `until`; at most very_many.
std::int32_t slots_until(const ppm::Window& window, const ppm::KeyCodec& codec, ppm::Bound until) {
    constexpr std::int32_t very_many = 10000;
    std::int32_t count = 0;
    while (count < very_many &&
           codec.encode(slots_after(window.grid, window.current, count + 2)) <= until)
        ++count;
    return count;
}

struct Coverage {
    Cell until = std::nullopt;
    Cell runway = std::nullopt;
    Cell until_value = std::nullopt;
    Cell slots_ahead = std::nullopt;
};

// How long the key takes to reach `until`, at the rate of the last runs.
Cell runway_of_key(const ppm::ManagedParent& managed, ppm::Position until) {
    const auto& greatest = managed.parent.greatest_key->greatest;
    const auto rate = keys_per_second(managed.parent);
    if (!greatest || !rate)
        return std::nullopt;
    const double left =
        static_cast<double>(until.number()) - static_cast<double>(greatest->number());
    constexpr double longest = 1e11;  // seconds, some three thousand years
    return std::chrono::microseconds{
        std::chrono::seconds{std::llround(std::clamp(left / *rate, 0.0, longest))}};
}

Cell runway_of_time(const ppm::ManagedParent& managed, const ppm::Clock& clock,
                    ppm::Position until) {
    const std::chrono::microseconds runway =
        managed.zone->instant(until.time()) - clock.now(*managed.zone);
    return std::max(runway, std::chrono::microseconds{0});
}

Coverage coverage_of(const ppm::ManagedParent& managed, const ppm::Clock& clock) {
    const ppm::KeyCodec codec = codec_of(managed);
    const auto bound = covered_until(managed, clock);
    if (!bound)
        return {.runway = std::chrono::microseconds{0}, .slots_ahead = std::int32_t{0}};
    const ppm::Position until = codec.decode(*bound);
    Coverage coverage;
    coverage.until = codec.counts() ? Cell{std::nullopt} : Cell{until};
    coverage.until_value = shown_bounds(managed, {*bound, *bound}).upper_value;
    if (until == ppm::plus_infinity)
        return coverage;
    coverage.slots_ahead = slots_until(windows_of(managed, clock).work, codec, *bound);
    coverage.runway =
        codec.counts() ? runway_of_key(managed, until) : runway_of_time(managed, clock, until);
    return coverage;
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
        return severity_of(each) == ppm::Severity::error;
    };
    const auto partitions = parent.partitions.size() + (parent.default_partition ? 1 : 0);
    const Coverage coverage = validate(parent).empty() ? coverage_of(managed, clock) : Coverage{};
    rows.add({parent.configuration.schema_name, parent.configuration.table_name,
              interval_name(parent.configuration), coverage.until, coverage.runway,
              static_cast<std::int32_t>(partitions), count(is_outdated), count(is_error),
              count(std::not_fn(is_error)),
              parent.table ? Cell{parent.table->relation} : Cell{std::nullopt},
              coverage.until_value, coverage.slots_ahead});
}

// Reads the parents and calls add_rows() for each.
template <typename Read, typename AddRows>
Datum rows_of_all(FunctionCallInfo fcinfo, Read read, AddRows add_rows) {
    const ppm::SpiConnection spi{false};
    const ppm::Clock clock;
    ppm::ResultSet rows{fcinfo};
    for (const ppm::ManagedParent& managed : read(std::nullopt, ppm::Look::into_catalog))
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

namespace {

Datum bytes_or_null(FunctionCallInfo fcinfo, std::optional<std::int64_t> bytes) {
    if (!bytes)
        fcinfo->isnull = true;
    return ppm::call([=] { return Int64GetDatum(bytes.value_or(0)); });
}

}  // namespace

Datum ppm_total_bytes(PG_FUNCTION_ARGS) {
    return ppm::boundary(
        [fcinfo] { return bytes_or_null(fcinfo, ppm::total_bytes(PG_GETARG_OID(0))); });
}

Datum ppm_free_bytes(PG_FUNCTION_ARGS) {
    return ppm::boundary(
        [fcinfo] { return bytes_or_null(fcinfo, ppm::free_bytes(PG_GETARG_OID(0))); });
}
