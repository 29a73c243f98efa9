// When which database is called: all that the launcher decides, without a server.
//
// There are two clocks. The steady clock says how long to wait: setting the system clock cannot
// make the launcher wait for a year, or not at all. The system clock says how long ago the last
// call was: a restarted server cannot know that otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include "core/deadline.hpp"
#include "core/key/instant.hpp"

namespace ppm {

class Schedule {
  public:
    using Database = std::uint32_t;
    using Time = Deadline::Clock::time_point;
    using Duration = Deadline::Clock::duration;

    // The first pause after a call that could not be made; each further pause is twice as long.
    static constexpr Duration shortest_pause = std::chrono::minutes{1};

    // The databases to be called, and how often. A new one is due at once, one that is gone is
    // forgotten.
    void set(const std::set<Database>& databases, Duration interval, Time now);

    // Makes all databases due: what was known of them may no longer hold.
    void begin_anew(Time now);

    // The database that has been due for longest.
    std::optional<Database> due(Time now) const;

    // When one of them is to be looked at next.
    std::optional<Time> next() const;
    const std::map<Database, Time>& times() const { return times_; }

    // Whether a database that was looked at is to be called. `last_call`: all of its tables were
    // called then or later, by any session; nothing if some never were. If that is less than an
    // interval ago, the database is due again when the interval ends.
    bool is_call_due(Database database, std::optional<Instant> last_call, Instant clock, Time now);

    // Records a call. Intervals missed during a long call are not made up: the next call is a whole
    // number of intervals after this one began.
    void called(Database database, Time begun, Time ended, Instant clock);

    // Records that there is nothing to call.
    void skip(Database database, Time now);

    // Records that it could not be called.
    void postpone(Database database, Time now);

  private:
    Duration interval_{};
    std::map<Database, Time> times_;
    std::map<Database, Duration> pauses_;    // the last pause of those that could not be called
    std::map<Database, Instant> own_calls_;  // when the last call ended
};

}  // namespace ppm
