// A plain table that is to become partitioned. The old table becomes the first partition, for all
// keys below an end. It keeps its rows: not one is copied.
#pragma once

#include "pg/bridge/settings.hpp"
#include "pg/catalog/catalog.hpp"
#include "pg/convert/keys.hpp"

namespace ppm {

// The constraint that proves to PostgreSQL, without a scan, that all keys are below the end. By its
// name ppm finds out how far an interrupted conversion got.
inline constexpr const char* conversion_check = "ppm_conversion_check";

// That constraint, as it is.
struct ConversionCheck {
    Oid constraint;
    bool is_valid;
    std::optional<Bound> end;  // none: it is not what ppm makes for this key
};

struct Conversion {
    // The table as it will be, as far as validate() looks; the rest of Table is as it is now.
    ManagedParent managed;
    bool is_plain_table;  // if not, it cannot be converted
    bool is_partitioned;
    bool has_key;  // partition_key names a column
    bool key_is_nullable;
    bool key_is_generated;
    std::optional<ConversionCheck> check;

    RelationId relation() const { return managed.parent.table->relation; }
    const std::string& schema_name() const { return managed.parent.configuration.schema_name; }
    const std::string& name() const { return managed.parent.configuration.table_name; }
    std::string qualified_name() const { return managed.parent.configuration.qualified_name(); }
    const std::string& key() const { return managed.parent.table->key_column; }
    std::string sql_name() const;
};

// Throws PM001 if the relation is not configured. Needs an SpiConnection and a pinned search_path,
// as all below.
Conversion read_conversion(RelationId relation);

// How long a scan of the whole table takes at worst, estimated by its size.
std::chrono::seconds time_to_validate(const Keys& keys);

// What is known of the keys, and of their growth: keys that tell time grow with the clock, keys
// that count grow as they have so far.
struct KeyCourse {
    Keys keys;
    KeyGrowth growth;
};

// Where the old table is to end: at the end of the window, or pre_provisioned slots after the slot
// of the greatest key, whichever is later. Both are taken for the time `lead` from now.
Position end_after(const Conversion& conversion, const KeyCourse& course, const Clock& clock,
                   std::chrono::seconds lead);

// How long it takes until a key is in the last slot before the end.
std::chrono::seconds time_until_near(const Conversion& conversion, const KeyCourse& course,
                                     const Clock& clock, Position end);

// The old table's name as a partition, `orders_until_20261201`, and the ending of that name.
std::string old_name(const Conversion& conversion, Position end);
std::string until(const Grid& grid, Position end);

// `CHECK (placed_at IS NOT NULL AND placed_at < '2026-12-01')`
std::string check_clause(const Conversion& conversion, Position end);

}  // namespace ppm
