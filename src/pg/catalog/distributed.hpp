// Tables that Citus distributes: what is here of them is an empty shell, their rows are elsewhere.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// The relations that Citus' catalog names, as a list of OIDs; none where there is no Citus. Reads
// that catalog itself: a caller of ppm may not be allowed to. May ereport.
List* distributed_relations();

}  // namespace ppm
