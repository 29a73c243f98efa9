// The greatest key of one table, without the planner: from the end of an index, or by reading it
// all.
#pragma once

#include "pg/postgres.hpp"

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

// How long a search may take.
enum class Patience {
    for_the_call,     // as long as the statement
    for_a_look_only,  // a few pages
};

// Goes backwards along a valid btree index whose first column is the key, if there is one that is
// not partial, else through the whole table. Needs a lock on the table; locks the index without
// waiting for it. May ereport.
GreatestInTable greatest_in_table(Relation table, const char* column,
                                  std::optional<std::int64_t> limit, Patience patience);

}  // namespace ppm
