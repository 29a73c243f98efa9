#include "core/plan/parent.hpp"

#include <algorithm>

#include "core/grid/interval.hpp"
#include "core/grid/naming.hpp"
#include "core/text.hpp"

namespace ppm {

namespace {

// As the input of regclass reads it, in single quotes.
std::string regclass_literal(const TableName& name) {
    const auto identifier = [](const std::string& part) {
        const bool is_plain =
            !part.empty() && (part[0] < '0' || part[0] > '9') &&
            part.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
        std::string quoted = "\"";
        for (const char each : part)
            quoted += each == '"' ? std::string{"\"\""} : std::string{each};
        return is_plain ? part : quoted + "\"";
    };
    return in_single_quotes(identifier(name.schema_name) + "." + identifier(name.table_name));
}

Anomaly not_partitioned(const Configuration& configuration, const Table& table) {
    const std::string literal = regclass_literal(configuration.name());
    return {
        AnomalyCode::not_partitioned,
        {},
        "Relation " + in_quotes(configuration.qualified_name()) + " is not a partitioned table.",
        table.is_plain
            ? "CALL ppm.convert(" + literal + "); makes it one, and ppm.plan_conversion(" +
                  literal + ") says how. Or delete its row from ppm.config."
            : "Create it with PARTITION BY RANGE, or delete its row from ppm.config."};
}

// The first reason why ppm cannot manage the table's partition key.
std::optional<Anomaly> key_anomaly(const Configuration& configuration, const Table& table) {
    const std::string name = in_quotes(configuration.qualified_name());
    if (table.strategy == Strategy::none)
        return not_partitioned(configuration, table);
    if (table.is_temporary)
        return Anomaly{AnomalyCode::temporary_table,
                       {},
                       "Table " + name + " is temporary.",
                       "Delete its row from ppm.config, and create its partitions in your session. "
                       "They would be temporary, too."};
    if (!table.unsupported.reason.empty())
        return Anomaly{
            AnomalyCode::unsupported_table, {}, table.unsupported.reason, table.unsupported.mend};
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
            "Partition the table by a column of type date, timestamp, timestamptz, uuid, smallint, "
            "integer or bigint."};
    if (is_text(*table.key_type) && !configuration.key_encoding)
        return Anomaly{
            AnomalyCode::unsupported_key_type,
            {},
            "The partition key " + in_quotes(table.key_column) + " of table " + name +
                " is of type " + table.key_type_name + ".",
            "If it holds ULIDs, set key_encoding in ppm.config to ulid. Otherwise partition the "
            "table by a column of type date, timestamp, timestamptz, uuid, smallint, integer or "
            "bigint."};
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

// An UPDATE of the row of ppm.config.
std::string update_of(const Configuration& configuration, const std::string& assignments) {
    return "UPDATE ppm.config SET " + assignments +
           " WHERE schema_name = " + in_single_quotes(configuration.schema_name) +
           " AND table_name = " + in_single_quotes(configuration.table_name) + ";";
}

std::string update_to(const Configuration& configuration, const TableName& name) {
    return update_of(configuration, "schema_name = " + in_single_quotes(name.schema_name) +
                                        ", table_name = " + in_single_quotes(name.table_name));
}

bool has_capital(const std::string& name) {
    return std::ranges::any_of(name, [](char each) { return each >= 'A' && each <= 'Z'; });
}

// ppm.config takes names literally: with a schema, quotes or capitals it is another name.
std::string hint_at_name(const Configuration& configuration) {
    std::string table = configuration.table_name;
    std::string schema = configuration.schema_name;
    const auto unquoted = [](const std::string& name) {
        const bool is_quoted = name.size() > 2 && name.starts_with('"') && name.ends_with('"');
        return is_quoted ? name.substr(1, name.size() - 2) : name;
    };
    if (const std::size_t dot = table.find('.'); dot != std::string::npos && dot > 0) {
        schema = unquoted(table.substr(0, dot));
        table = table.substr(dot + 1);
    }
    table = unquoted(table);
    if (table == configuration.table_name && has_capital(table))
        return "Names in ppm.config are case-sensitive; CREATE TABLE folds a name without "
               "quotes to lower case. ";
    if (table == configuration.table_name || table.empty())
        return {};
    return "In ppm.config, write the schema into schema_name, and names without quotes. If you "
           "mean table " +
           in_quotes(table) + " of schema " + in_quotes(schema) + ": " +
           update_to(configuration, {schema, table}) + " If not: ";
}

Anomaly table_missing(const Parent& parent) {
    const Configuration& configuration = parent.configuration;
    const std::string detail =
        "Table " + in_quotes(configuration.qualified_name()) + " does not exist";
    if (!parent.configured || !parent.configured->present_name)
        return {
            AnomalyCode::table_missing,
            {},
            detail + ".",
            hint_at_name(configuration) + "Create the table, or delete its row from ppm.config."};
    const TableName& name = *parent.configured->present_name;
    return {AnomalyCode::table_missing,
            {},
            detail + ": it was renamed to " + in_quotes(name.qualified()) + ".",
            "If that table is to be managed: " + update_to(configuration, name) +
                " If not, delete the row from ppm.config."};
}

// The row was written for another table: nobody has decided what happens to this one's rows.
Anomaly table_replaced(const Parent& parent) {
    const Configuration& configuration = parent.configuration;
    const ConfiguredRelation& meant = *parent.configured;
    const auto& name = meant.present_name;
    return {
        AnomalyCode::table_replaced,
        {},
        "Table " + in_quotes(configuration.qualified_name()) + " has OID " +
            std::to_string(parent.table->relation) +
            ", but its row in ppm.config was written for OID " + std::to_string(meant.relation) +
            ", by " + in_quotes(meant.confirmed_by) + " at " + meant.confirmed_at +
            ". That relation " +
            (name ? "is named " + in_quotes(name->qualified()) + " now." : "was dropped."),
        "If this table is to be managed: " + update_of(configuration, "table_name = table_name") +
            (name ? " If the other one: " + update_to(configuration, *name) + " If neither"
                  : " If not") +
            ", delete the row from ppm.config."};
}

std::string name_of_key(const Configuration& configuration, const Table& table) {
    return "the partition key " + in_quotes(table.key_column) + " of table " +
           in_quotes(configuration.qualified_name()) + ", of type " + table.key_type_name;
}

Anomaly encoding_mismatch(const Configuration& configuration, const Table& table,
                          const std::string& why, std::string hint) {
    return {AnomalyCode::encoding_mismatch,
            {},
            "The key_encoding " + in_quotes(name_of(*configuration.key_encoding)) +
                " does not fit " + name_of_key(configuration, table) + why + ".",
            std::move(hint)};
}

// Which encodings a key of the type can have. (A text key needs one.)
std::string encodings_hint(KeyType type) {
    std::string names = is_text(type) ? "" : "null";
    for (std::size_t i = 0; i < key_encoding_names.size(); ++i)
        if (type_supports_encoding(type, static_cast<KeyEncoding>(i)))
            names += (names.empty() ? "" : ", ") + std::string{key_encoding_names[i]};
    return "Set key_encoding in ppm.config to what a key of type " + std::string{name_of(type)} +
           " can have: " + names + ".";
}

// Why the key cannot have this encoding, whatever its values are.
std::optional<Anomaly> encoding_anomaly(const Configuration& configuration, const Table& table) {
    if (!configuration.key_encoding)
        return std::nullopt;
    if (!type_supports_encoding(*table.key_type, *configuration.key_encoding))
        return encoding_mismatch(configuration, table, "", encodings_hint(*table.key_type));
    if (is_text(*table.key_type) && !table.has_byte_order)
        return encoding_mismatch(configuration, table, ": its collation is not \"C\"",
                                 "Declare the column with COLLATE \"C\", which orders ULIDs by "
                                 "time.");
    return std::nullopt;
}

Anomaly interval_mismatch(const Configuration& configuration, const std::string& why,
                          std::string hint) {
    return {AnomalyCode::interval_mismatch,
            {},
            "The interval " + in_quotes(interval_text(configuration)) + " " + why + ".",
            std::move(hint)};
}

// Why the key cannot have this interval, whatever its values are.
std::optional<Anomaly> interval_anomaly(const Configuration& configuration, const Table& table) {
    const std::string of_key = name_of_key(configuration, table);
    const auto* const grid = std::get_if<Grid>(&configuration.interval);
    const bool counts = Key{*table.key_type, configuration.key_encoding}.counts();
    if (counts && (grid == nullptr || !std::holds_alternative<Numbers>(*grid)))
        return interval_mismatch(
            configuration, "is not a whole number, but " + of_key + ", does not tell time",
            "Set interval in ppm.config to a positive whole number such as 1000000. If the key "
            "stores times, set key_encoding.");
    const auto* const interval = grid == nullptr ? nullptr : std::get_if<Interval>(grid);
    if (!counts && interval == nullptr)
        return interval_mismatch(
            configuration, "is not a length of time, but " + of_key + ", tells time",
            "Set interval in ppm.config to " + std::string{intervals_there_are} + ".");
    if (table.key_type == KeyType::date && has_part_of_day(*interval))
        return Anomaly{AnomalyCode::interval_mismatch,
                       {},
                       "The interval " + in_quotes(interval_text(configuration)) +
                           " splits days, but " + of_key + ", has no time of day.",
                       "Set interval in ppm.config to whole days, weeks, months or years, and "
                       "origin to a date without a time of day or to null."};
    return std::nullopt;
}

std::optional<Anomaly> name_anomaly(const Configuration& configuration, const Grid& grid) {
    const std::size_t bytes = configuration.table_name.size() + suffix_bytes(grid);
    if (bytes <= max_name_bytes)
        return std::nullopt;
    return Anomaly{AnomalyCode::name_too_long,
                   {},
                   "The names of the " + of_interval(grid, "partitions") + " of table " +
                       in_quotes(configuration.qualified_name()) + " take " +
                       std::to_string(bytes) + " bytes, and PostgreSQL allows " +
                       std::to_string(max_name_bytes) + ".",
                   "Rename the table to at most " +
                       std::to_string(max_name_bytes - suffix_bytes(grid)) + " bytes."};
}

bool is_replaced(const Parent& parent) {
    return parent.configured && parent.configured->relation != parent.table->relation;
}

}  // namespace

Key key_of(const Parent& parent) {
    const Configuration& configuration = parent.configuration;
    Snowflake snowflake;
    snowflake.epoch = configuration.key_epoch.value_or(snowflake.epoch);
    snowflake.shift = configuration.key_shift.value_or(snowflake.shift);
    return {*parent.table->key_type, configuration.key_encoding, snowflake};
}

CleanupPolicy policy_for(const Configuration& configuration, const Partition& partition) {
    return partition.was_kept ? CleanupPolicy::detach : configuration.cleanup_policy;
}

std::vector<Anomaly> validate(const Parent& parent) {
    const Configuration& configuration = parent.configuration;
    std::vector<Anomaly> anomalies;

    if (!parent.table)
        anomalies.push_back(table_missing(parent));
    else if (is_replaced(parent))
        anomalies.push_back(table_replaced(parent));
    else if (auto anomaly = key_anomaly(configuration, *parent.table))
        anomalies.push_back(*std::move(anomaly));
    else if (auto encoding = encoding_anomaly(configuration, *parent.table))
        anomalies.push_back(*std::move(encoding));
    else if (auto mismatch = interval_anomaly(configuration, *parent.table))
        anomalies.push_back(*std::move(mismatch));

    if (!parent.timezone_known)
        anomalies.push_back(
            {AnomalyCode::unknown_timezone,
             {},
             "The server does not know the time zone " + in_quotes(configuration.timezone) + ".",
             "Set timezone in ppm.config to a name of pg_timezone_names."});

    if (const auto* const grid = std::get_if<Grid>(&configuration.interval))
        if (auto anomaly = name_anomaly(configuration, *grid))
            anomalies.push_back(*std::move(anomaly));
    return anomalies;
}

}  // namespace ppm
