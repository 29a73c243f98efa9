// Obstacles that keep a plain table from being converted, each with its remedy; and warnings to
// read before the conversion.
#pragma once

#include "pg/convert/conversion.hpp"
#include "pg/convert/unique.hpp"

namespace ppm {

struct Finding {
    std::string what;  // a sentence
    std::string mend;
};

// Obstacles in the configuration and in the table itself, as the catalog has them.
std::vector<Finding> obstacles_to(const Conversion& conversion,
                                  const std::vector<NarrowIndex>& indexes, bool extend_unique);

// The obstacles among them that also keep a conversion from being undone: views and publications of
// roles whose rights the caller, or the table's owner, lacks.
std::vector<Finding> objects_of_others(Oid relation);

// Obstacles in the table's keys, and in the end that it would get.
std::vector<Finding> obstacles_in_keys(const Conversion& conversion, const Keys& keys,
                                       Position end);

// Changes that users of the table will notice.
std::vector<Finding> warnings_of(const Conversion& conversion,
                                 const std::vector<NarrowIndex>& indexes);

}  // namespace ppm
