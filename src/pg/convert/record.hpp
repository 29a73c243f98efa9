// ppm.conversions: the old table of each converted table. Written as the extension's owner.
#pragma once

#include "pg/convert/conversion.hpp"

namespace ppm {

// What a partitioned table was made of.
struct ConversionRecord {
    RelationId former;        // the old table, now a partition
    std::string former_name;  // its name as a partition
    bool key_was_nullable;
    std::vector<std::string> replaced;  // SQL that restores each unique index that got the key
};

void record_conversion(const Conversion& conversion, RelationId parent,
                       const std::vector<std::string>& replaced);

std::optional<ConversionRecord> conversion_of(RelationId parent);

void forget_conversion(RelationId parent);

// Forgets conversions of which a table is gone, or the old table is no longer a partition.
void prune_conversions();

}  // namespace ppm
