// What keeps a plain table from being converted, each with what mends it; and what is only to be
// known before.
#pragma once

#include "pg/convert/conversion.hpp"
#include "pg/convert/unique.hpp"

namespace ppm {

struct Finding {
    std::string what;  // a sentence
    std::string mend;
};

// Of the configuration, and of the table itself: as the catalog has them.
std::vector<Finding> obstacles_to(const Conversion& conversion,
                                  const std::vector<NarrowIndex>& indexes, bool extend_unique);

// Of its keys, and of where it would end.
std::vector<Finding> obstacles_in_keys(const Conversion& conversion, const Keys& keys,
                                       Position end);

// What changes for those who use the table.
std::vector<Finding> warnings_of(const Conversion& conversion,
                                 const std::vector<NarrowIndex>& indexes);

}  // namespace ppm
