// What the triggers on a source do, in the transactions of those who write to it.
#pragma once

#include "pg/repartition/job.hpp"

namespace ppm {

// Each is the whole of a trigger function. Where there is no move, as after a dump and restore in
// the middle of one, they do nothing.
void note_change(FunctionCallInfo fcinfo);
void write_through(FunctionCallInfo fcinfo);

// What the function was called with. Throws PpmError if it is no AFTER trigger.
const TriggerData& trigger_of(FunctionCallInfo fcinfo, const char* function);

// What the table is a partition of, or InvalidOid. May ereport.
Oid parent_of(Relation table);

}  // namespace ppm
