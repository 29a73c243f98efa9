// The launcher: the process that calls run_all() in the databases of ppm.schedule_databases, where
// ppm is in shared_preload_libraries.
#pragma once

namespace ppm {

// From _PG_init(), while the server starts. May ereport.
void register_launcher();

}  // namespace ppm
