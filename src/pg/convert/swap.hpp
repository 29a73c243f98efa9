// The moment in which a partitioned table takes the place of the old one.
#pragma once

#include "pg/convert/properties.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// The statements that replace the old unique indexes with the new ones, and set the key NOT NULL.
// They run first, on the old table.
std::vector<std::string> preparation_of(const Conversion& conversion,
                                        const std::vector<NarrowIndex>& indexes);

// The statements that make the partitioned table, in order.
std::vector<RoleStatement> script_of(const Conversion& conversion, const Properties& properties,
                                     Position end);

// Swaps the tables, inside a step, under the locks that it takes. Changes only the catalog. Checks
// everything again, and throws 55000 if something has changed. Returns the new table.
RelationId put_in_place(const Conversion& seen, Position end, bool extend_unique);

}  // namespace ppm
