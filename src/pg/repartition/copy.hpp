// Rows of the sources, brought into the new tables.
#pragma once

#include "core/deadline.hpp"
#include "pg/repartition/job.hpp"
#include "pg/repartition/shape.hpp"

namespace ppm {

// The move's copies cannot be trusted any more, or its tables are not what they were: it has to
// begin anew.
class MustBeginAnew final : public std::exception {
  public:
    explicit MustBeginAnew(std::string reason) : reason_{std::move(reason)} {}
    const char* what() const noexcept override { return reason_.c_str(); }

  private:
    std::string reason_;
};

// All of these run inside a step.

// Throws MustBeginAnew if one of the sources has changed unnoticed, or a change could not be
// followed. Under locks on the sources that keep them as they are.
void require_trustworthy(const ManagedParent& managed, const Job& job);

// Copies the rows of some blocks, from the next one of the source on, and notes that; returns how
// many rows.
std::int64_t copy_blocks(const ManagedParent& managed, const Job& job, JobSource& source,
                         std::int64_t blocks);

// Brings up to date the rows whose keys have been noted, all of them with one snapshot: in a
// transaction of its own, which is made REPEATABLE READ; or, with a deadline, under a lock that
// keeps writers out, and is cancelled when that has passed.
void replay(const ManagedParent& managed, const Job& job, const MatchingKey& key,
            const std::optional<Deadline>& deadline = std::nullopt);

// How many rows the sources have, and the targets, in one moment.
struct Counts {
    std::int64_t sources;
    std::int64_t targets;
    std::int64_t in_default;  // of those of the targets, in the new default partition
};
Counts count_rows(const ManagedParent& managed, const Job& job);

}  // namespace ppm
