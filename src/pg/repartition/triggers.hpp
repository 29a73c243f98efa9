// The trigger functions of the sources. They run in the writers' transactions.
#pragma once

#include "pg/repartition/job.hpp"

namespace ppm {

// Each is a whole trigger function. Without a move, for example after restoring a dump that was
// made in the middle of one, they do nothing.
void note_change(FunctionCallInfo fcinfo);
void write_through(FunctionCallInfo fcinfo);

// What the function was called with. Throws PpmError if it is no AFTER trigger.
const TriggerData& trigger_of(FunctionCallInfo fcinfo, const char* function);

// The parent of the table, or InvalidOid. May ereport.
Oid parent_of(Relation table);

}  // namespace ppm
