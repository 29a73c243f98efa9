// A row of ppm.config, and its hooks.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/grid/grid.hpp"
#include "core/key/key.hpp"

namespace ppm {

// An OID; the core only hands it on.
using RelationId = std::uint32_t;

struct TableName {
    std::string schema_name;
    std::string table_name;

    auto operator<=>(const TableName&) const = default;
    std::string qualified() const { return schema_name + "." + table_name; }
};

enum class CleanupPolicy { detach, drop };

// An interval and an origin that ppm cannot read: they were written while triggers were off.
struct UnreadInterval {
    std::string interval;
    std::optional<std::string> origin;

    bool operator==(const UnreadInterval&) const = default;
};

struct Configuration {
    std::string schema_name;
    std::string table_name;
    std::optional<std::string> partition_key;
    std::variant<Grid, UnreadInterval> interval;
    int pre_provisioned;           // slots after the current one, 1 to 1000
    std::optional<int> retention;  // slots before it, 1 to 10000; none keeps everything
    CleanupPolicy cleanup_policy;
    std::string timezone;
    std::vector<std::string> partition_options;  // `name=value`, storage parameters
    std::optional<KeyEncoding> key_encoding = {};
    std::optional<Instant> key_epoch = {};  // of a snowflake; none: the default
    std::optional<int> key_shift = {};
    std::string drop_delay = {};                     // an interval, for people to read; empty: none
    std::optional<std::string> archive_schema = {};  // where a detached partition moves
    bool analyze_parent = false;                     // after its partitions were changed
    std::optional<std::string> template_name = {};   // with its schema, as SQL writes it
    // Of the whole row, and of the hooks before a removal once they are read. Another process
    // recognizes the configuration by it.
    std::int64_t row_hash = 0;

    bool operator==(const Configuration&) const = default;

    // `public.orders`, for messages.
    std::string qualified_name() const { return name().qualified(); }
    TableName name() const { return {schema_name, table_name}; }

    // Only where validate() found nothing.
    const Grid& grid() const { return std::get<Grid>(interval); }
};

// When a hook is called: `before_...` in front of the step, `after_...` behind it.
enum class HookEvent { after_create, before_detach, after_detach, before_drop };

std::string_view name_of(HookEvent event);

// A row of ppm.hooks.
struct Hook {
    HookEvent event;
    std::string function;      // with the types of its arguments, as SQL writes it
    std::string problem = {};  // why it cannot be called, as a predicate; empty: it can be
};

// The interval as ppm.config has it, even if ppm cannot read it; interval_text() adds the origin if
// that is not the default.
std::string interval_name(const Configuration& configuration);
std::string interval_text(const Configuration& configuration);

}  // namespace ppm
