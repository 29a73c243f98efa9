// What is known of the keys in a table that is not partitioned yet.
#pragma once

#include "core/deadline.hpp"
#include "core/key/bound.hpp"
#include "core/key/key.hpp"
#include "pg/bridge/postgres.hpp"

namespace ppm {

struct Keys {
    bool are_known = false;  // if not, not all of them were read
    bool has_null = false;
    std::optional<Bound> greatest = std::nullopt;      // none: there is none, or it is not known
    std::optional<Bound> without_time = std::nullopt;  // one that tells no time, among the first
    std::uint64_t blocks = 0;                          // of the table
    bool is_locked = false;                            // against readers: nothing is known
    bool has_index = false;                            // one that leads with the key
};

// How fast keys that count have been seen to grow.
class KeyGrowth {
  public:
    void observe(const Keys& keys, Deadline::Clock::time_point now = Deadline::Clock::now());

    // The fastest growth seen, per second.
    double rate() const { return rate_; }

    // By how much they may grow in that time.
    std::int64_t in(std::chrono::seconds duration) const;

  private:
    double rate_ = 0;
    std::optional<Bound> first_;
    Deadline::Clock::time_point at_;
};

// Reads both ends of a btree index that leads with the column. Without one, reads all rows, for
// `limit` at most. Runs no user code. Waits for no lock and keeps none: if somebody has locked the
// table against readers, nothing is known. Throws PostgresError.
Keys keys_of(Oid relation, const std::string& column, const KeyCodec& codec,
             std::chrono::milliseconds limit);

}  // namespace ppm
