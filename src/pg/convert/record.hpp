// ppm.conversions: which table each converted one was made of. Written as the extension's owner.
#pragma once

#include "pg/convert/conversion.hpp"

namespace ppm {

// What a partitioned table was made of.
struct ConversionRecord {
    RelationId former;        // the old table, now a partition
    std::string former_name;  // what it is called as one
    bool key_was_nullable;
    std::vector<std::string> replaced;  // SQL that restores each unique index that got the key
};

void record_conversion(const Conversion& conversion, RelationId parent,
                       const std::vector<std::string>& replaced);

std::optional<ConversionRecord> conversion_of(RelationId parent);

void forget_conversion(RelationId parent);

// Forgets those of which one of the tables is gone, or is not a partition of the other any more.
void prune_conversions();

}  // namespace ppm
