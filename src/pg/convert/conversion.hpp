// A plain table that is to become partitioned: the old table becomes its first partition, with all
// its rows, for everything below an end; not one row is copied.
#pragma once

#include "pg/bridge/settings.hpp"
#include "pg/catalog/catalog.hpp"
#include "pg/convert/keys.hpp"

namespace ppm {

// The constraint by which PostgreSQL knows, without looking at the rows, that all keys are below
// the end. By its name ppm knows how far a conversion is that was interrupted.
inline constexpr const char* conversion_check = "ppm_conversion_check";

// That constraint, as it is.
struct ConversionCheck {
    Oid constraint;
    bool is_valid;
    std::optional<Bound> end;  // none: it is not what ppm makes for this key
};

struct Conversion {
    // As it will be: validate() says of it what it will say then, the rest of Table is that of now.
    ManagedParent managed;
    bool is_plain_table;  // or else it is something that cannot be converted
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

// When all the rows will have been read, going by the size of the table, in the worst case.
std::chrono::seconds time_to_validate(const Keys& keys);

// What is known of the keys, and of how they go on: those that tell time as the clock does, those
// that count as they have grown.
struct KeyCourse {
    Keys keys;
    KeyGrowth growth;
};

// Where the old table is to end: at the end of the window, or so many slots after the greatest key
// as there are to be in advance, both as they will be in so much time.
Position end_after(const Conversion& conversion, const KeyCourse& course, const Clock& clock,
                   std::chrono::seconds lead);

// How long it takes the keys until one is in the slot before the end.
std::chrono::seconds time_until_near(const Conversion& conversion, const KeyCourse& course,
                                     const Clock& clock, Position end);

// What the old table is called as a partition, `orders_until_20261201`, and the ending of that.
std::string old_name(const Conversion& conversion, Position end);
std::string until(const Grid& grid, Position end);

// `CHECK (placed_at IS NOT NULL AND placed_at < '2026-12-01')`
std::string check_clause(const Conversion& conversion, Position end);

}  // namespace ppm
