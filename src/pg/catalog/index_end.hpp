// The greatest key of one table, without the planner: from the end of an index, or by reading it
// all.
#pragma once

#include "core/deadline.hpp"
#include "core/key/key.hpp"
#include "pg/bridge/postgres.hpp"

namespace ppm {

// The greatest key, an integer of any size, of a table with rows of its own: of those below `limit`
// if there is one.
struct GreatestInTable {
    enum class Answer {
        none,     // there is no such row
        found,    // `key` is it
        unknown,  // to find it would take too long
    };

    Answer answer = Answer::none;
    std::int64_t key = 0;
};

// How long a search may take: until the deadline; without a deadline, only for a few pages.
using Patience = std::optional<Deadline>;

// Goes backwards along an index whose first column is the key (open_leading_index()), or without
// one through the whole table. Needs a lock on the table. May ereport.
GreatestInTable greatest_in_table(Relation table, const char* column, KeyType type,
                                  std::optional<std::int64_t> limit, const Patience& patience);

}  // namespace ppm
