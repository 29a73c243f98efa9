// In a deadlock, the session that detects it fails: ppm checks so often that it is always ppm.
#pragma once

#include "pg/bridge/scope.hpp"

namespace ppm {

// The interval of checks, in milliseconds, to detect a deadlock before any other session does: a
// third of the shortest deadlock_timeout of the server, a database or a role. `as_set` is the
// session's own value. Needs an SpiConnection and a pinned search_path.
int deadlock_check_interval(int as_set);

// PostgreSQL checks for a deadlock once in a lock wait, after deadlock_timeout. In this scope it
// checks repeatedly: so ppm also detects a deadlock that begins late in its wait, before the
// session that came last does after its deadlock_timeout.
class DeadlockWatch : Scope {
  public:
    explicit DeadlockWatch(int interval);
    ~DeadlockWatch();

    // The longest time, in milliseconds, to wait on another server, which this does not reach. A
    // session there checks for a deadlock once: ppm should hardly ever be waiting at that moment.
    static int longest_wait_elsewhere();
};

}  // namespace ppm
