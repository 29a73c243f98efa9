// Rows of the sources, brought into the new tables.
#pragma once

#include "core/deadline.hpp"
#include "pg/repartition/job.hpp"
#include "pg/repartition/shape.hpp"

namespace ppm {

// The copies cannot be trusted any more, or the tables have changed: the move has to begin again.
class MustBeginAnew final : public std::exception {
  public:
    explicit MustBeginAnew(std::string reason) : reason_{std::move(reason)} {}
    const char* what() const noexcept override { return reason_.c_str(); }

  private:
    std::string reason_;
};

// All of these run inside a step.

// Throws MustBeginAnew if one of the sources has changed unnoticed, or a change could not be
// captured. Needs locks that keep the sources as they are.
void require_trustworthy(const ManagedParent& managed, const Job& job);

// Copies the rows of some blocks, beginning with the source's next one, and records the progress.
// Returns the number of rows.
std::int64_t copy_blocks(const ManagedParent& managed, const Job& job, JobSource& source,
                         std::int64_t blocks);

// Copies again the rows whose keys were noted, all with one snapshot. Without a deadline it needs a
// transaction of its own, which it makes REPEATABLE READ. With a deadline it runs under a lock that
// keeps writers out, and is cancelled when the deadline has passed.
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
