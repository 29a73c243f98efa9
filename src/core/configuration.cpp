#include "core/configuration.hpp"

#include "core/naming.hpp"
#include "core/text.hpp"

namespace ppm {

namespace {

// What of the table's partition key ppm cannot manage, the first that applies.
std::optional<Anomaly> key_anomaly(const Configuration& configuration, const Table& table) {
    const std::string name = in_quotes(configuration.qualified_name());
    if (table.strategy == Strategy::none)
        return Anomaly{AnomalyCode::not_partitioned,
                       {},
                       "Relation " + name + " is not a partitioned table.",
                       "Create it with PARTITION BY RANGE, or delete its row from ppm.config."};
    if (table.is_temporary)
        return Anomaly{
            AnomalyCode::temporary_table,
            {},
            "Table " + name + " is temporary.",
            "Its partitions would be, too: make them in your session, and delete its row "
            "from ppm.config."};
    if (table.strategy == Strategy::other)
        return Anomaly{AnomalyCode::unsupported_strategy,
                       {},
                       "Table " + name + " is not partitioned by RANGE.",
                       "Only RANGE partitions can be managed: delete its row from ppm.config."};
    if (!table.has_plain_key)
        return Anomaly{AnomalyCode::unsupported_key,
                       {},
                       "The partition key of table " + name + " is not one plain column.",
                       "Partition the table by RANGE on one column, without an expression."};
    if (!table.key_type)
        return Anomaly{
            AnomalyCode::unsupported_key_type,
            {},
            "The partition key " + in_quotes(table.key_column) + " of table " + name +
                " is of type " + table.key_type_name + ".",
            "Partition the table by a column of type date, timestamp, timestamptz or uuid."};
    if (!table.has_default_order)
        return Anomaly{AnomalyCode::unsupported_key,
                       {},
                       "The partition key " + in_quotes(table.key_column) + " of table " + name +
                           " has an operator class of its own.",
                       "Partition the table by RANGE without naming an operator class."};
    if (configuration.partition_key && *configuration.partition_key != table.key_column)
        return Anomaly{AnomalyCode::partition_key_mismatch,
                       {},
                       "Table " + name + " is partitioned by " + in_quotes(table.key_column) +
                           ", not by the configured " + in_quotes(*configuration.partition_key) +
                           ".",
                       "Correct partition_key in ppm.config, or set it to null."};
    return std::nullopt;
}

}  // namespace

CleanupPolicy policy_for(const Configuration& configuration, const Partition& partition) {
    return partition.was_kept ? CleanupPolicy::detach : configuration.cleanup_policy;
}

std::vector<Anomaly> validate(const Parent& parent) {
    const Configuration& configuration = parent.configuration;
    std::vector<Anomaly> anomalies;

    if (!parent.table)
        anomalies.push_back(
            {AnomalyCode::table_missing,
             {},
             "Table " + in_quotes(configuration.qualified_name()) + " does not exist.",
             "Create the table, or delete its row from ppm.config."});
    else if (auto anomaly = key_anomaly(configuration, *parent.table))
        anomalies.push_back(*std::move(anomaly));

    if (!parent.timezone_known)
        anomalies.push_back(
            {AnomalyCode::unknown_timezone,
             {},
             "The server does not know the time zone " + in_quotes(configuration.timezone) + ".",
             "Set timezone in ppm.config to a name of pg_timezone_names."});

    const std::size_t bytes =
        configuration.table_name.size() + suffix_bytes(configuration.interval);
    if (bytes > max_name_bytes)
        anomalies.push_back(
            {AnomalyCode::name_too_long,
             {},
             "The names of the " + std::string{name_of(configuration.interval)} +
                 " partitions of table " + in_quotes(configuration.qualified_name()) + " take " +
                 std::to_string(bytes) + " bytes, and PostgreSQL allows " +
                 std::to_string(max_name_bytes) + ".",
             "Rename the table to at most " +
                 std::to_string(max_name_bytes - suffix_bytes(configuration.interval)) +
                 " bytes."});
    return anomalies;
}

}  // namespace ppm
