// Who finds a deadlock first is its victim: ppm looks so often that it is always ppm.
#pragma once

#include "pg/bridge/scope.hpp"

namespace ppm {

// How often, in milliseconds, one has to look to find a deadlock before anybody else does: three
// times within the shortest deadlock_timeout that the server, a database or a role has.
// `as_set` is the session's own. Needs an SpiConnection and a pinned search_path.
int deadlock_check_interval(int as_set);

// PostgreSQL looks for a deadlock once in a wait, deadlock_timeout after its begin. While this
// lives it does so again and again: a deadlock that begins when ppm has waited for long already is
// found by ppm, too, and not by whoever came last and waited for deadlock_timeout.
class DeadlockWatch : Scope {
  public:
    explicit DeadlockWatch(int interval);
    ~DeadlockWatch();

    // How long, in milliseconds, one should wait on another server, where it does not reach. Who
    // waits there looks for a deadlock once: it is to be unlikely that ppm waits at that moment.
    static int longest_wait_elsewhere();
};

}  // namespace ppm
