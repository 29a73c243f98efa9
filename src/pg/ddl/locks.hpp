// The locks that a statement needs, taken before it is executed.
//
// PostgreSQL locks one table after the other as a statement comes to need it: the parent, the
// default partition, the partition, each table that a foreign key ties to them. While it waits for
// the last one it holds the others, and whoever needs those waits as long, once for each.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

enum class Statement {
    attach_new,     // ATTACH PARTITION of a table that was just created, and so has no foreign keys
    attach_filled,  // the same of one that was filled from the default partition: nobody may have
                    // chosen the partitions that he reads before it is there
    attach,         // ATTACH PARTITION of one that was detached
    detach,         // DETACH PARTITION
    begin_detach,   // the first transaction of DETACH PARTITION ... CONCURRENTLY
    finish_detach,  // its second, and DETACH PARTITION ... FINALIZE
    drop,           // DROP TABLE of one that was detached
};

// Locks all the tables that the statement will lock, as strongly as it will, and before them, but
// for finish_detach, the names of their schemas (names.hpp). Holds none of the tables while it
// waits for another, and waits for `wait` milliseconds at most in all; whoever waits behind it
// waits no longer than that. Throws 55P03, with the name of a table that is neither the
// parent nor the partition.
//
// Runs inside a step, and needs what a query needs. What is known of the tables is to be looked at
// again afterwards. Without a partition that exists, or without a parent, that is InvalidOid.
//
// Returns whether it has locked anything but the partition against readers or writers.
bool lock_together(Statement statement, Oid parent, Oid partition, int wait);

// The same for what locks all these, and all that they are partitioned into, against everybody.
// `others` is asked again under the locks.
void lock_together(Oid relation, const std::function<std::vector<Oid>()>& others, int wait);

// The same for what is no one statement's: locks all of the relations in that mode.
void lock_all(const std::vector<Oid>& relations, LOCKMODE mode, int wait);

// The same for a transaction that detaches partitions of the parent and attaches tables in their
// place, `tables` being all of them: nobody else has any of them from here on.
void lock_to_swap(Oid parent, const std::vector<Oid>& tables, int wait);

// Whether DROP TABLE of one that was just detached locks nothing but the table and what is its own.
bool drop_locks_nothing_else(Oid table);

}  // namespace ppm
