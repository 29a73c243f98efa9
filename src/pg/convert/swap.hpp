// The moment in which a partitioned table takes the place of the old one.
#pragma once

#include "pg/convert/properties.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// What puts the new unique indexes in the place of the old ones, and lets no key be NULL: first,
// on the old table.
std::vector<std::string> preparation_of(const Conversion& conversion,
                                        const std::vector<NarrowIndex>& indexes);

// The statements that make the partitioned table, in order.
std::vector<RoleStatement> script_of(const Conversion& conversion, const Properties& properties,
                                     Position end);

// Does it, inside a step, under the locks that it takes: all of it is work on the catalog.
// Everything is looked at again; throws 55000 if it is not what it was. Returns the new table.
RelationId put_in_place(const Conversion& seen, Position end, bool extend_unique);

}  // namespace ppm
