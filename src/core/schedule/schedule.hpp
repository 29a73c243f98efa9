// When which database is called: all that the launcher decides, without a server.
//
// Two clocks: steady time says how long to wait, so that nobody who sets the clock makes it wait
// for a year, or never; the clock says how long ago the last call was, which a server that was
// started since cannot know otherwise.
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

    // How long to wait after what was not the call's own failure: then twice as long, and so on.
    static constexpr Duration shortest_pause = std::chrono::minutes{1};

    // The databases to be called, and how often. A new one is due at once, one that is gone is
    // forgotten.
    void set(const std::set<Database>& databases, Duration interval, Time now);

    // Has all of them looked at: what was known of them may not hold any more.
    void begin_anew(Time now);

    // The database that has been due for longest.
    std::optional<Database> due(Time now) const;

    // When one of them is to be looked at next.
    std::optional<Time> next() const;
    const std::map<Database, Time>& times() const { return times_; }

    // Whether a database that was looked at is to be called. `last_call` is when all of its tables
    // had been called, by whomever; nothing if some never were. If that is not long ago, the
    // database is due again when it is.
    bool is_call_due(Database database, std::optional<Instant> last_call, Instant clock, Time now);

    // It was called. What a long call has missed is not made up: the next one is a whole number of
    // intervals after this one began.
    void called(Database database, Time begun, Time ended, Instant clock);

    // There is nothing to be called.
    void skip(Database database, Time now);

    // It could not be called.
    void postpone(Database database, Time now);

  private:
    Duration interval_{};
    std::map<Database, Time> times_;
    std::map<Database, Duration> pauses_;    // the last one, where it could not be called
    std::map<Database, Instant> own_calls_;  // when the last one ended
};

}  // namespace ppm
