// The locks that a statement needs, taken before it is executed.
//
// A statement of PostgreSQL locks one table after the other: the parent, the default partition, the
// partition, each table that a foreign key ties to them. While it waits for the last lock it holds
// the others, and sessions that need those wait as long, once for each.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

enum class Statement {
    attach_new,     // ATTACH PARTITION of a table that was just created, and so has no foreign keys
    attach_filled,  // the same for a table filled from the default partition: no running query may
                    // have chosen the partitions to read before it is attached
    attach,         // ATTACH PARTITION of a table that was detached
    detach,         // DETACH PARTITION
    begin_detach,   // the first transaction of DETACH PARTITION ... CONCURRENTLY
    finish_detach,  // its second, and DETACH PARTITION ... FINALIZE
    drop,           // DROP TABLE of a table that was detached
};

// Locks all the tables that the statement will lock, in the same modes. Before that, except for
// finish_detach, it locks the names of their schemas (names.hpp). Holds no lock on a table while it
// waits for another, and waits for `wait` milliseconds at most in all; sessions that queue behind
// it wait no longer than that. Throws 55P03, with the name of the table if that is neither the
// parent nor the partition.
//
// Runs inside a step, and needs what a query needs. Afterwards, check again what is known of the
// tables. A partition or a parent that does not exist is InvalidOid.
//
// Returns whether it has locked anything but the partition against readers or writers.
bool lock_together(Statement statement, Oid parent, Oid partition, int wait);

// Whether it would, as far as is known without the locks. Needs what a query needs.
bool locks_others(Statement statement, Oid parent, Oid partition);

// The same for ACCESS EXCLUSIVE locks on some relations and all partitions below them, and for
// ACCESS SHARE locks on those that are only read. Calls `relations` again under the locks. An error
// does not name the first of the altered ones: the caller knows it.
struct Relations {
    std::vector<Oid> altered;
    std::vector<Oid> read;
};
void lock_together(const std::function<Relations()>& relations, int wait);

// The same without a statement: locks all of the relations in that mode.
void lock_all(const std::vector<Oid>& relations, LOCKMODE mode, int wait);

// The same for a transaction that detaches partitions of the parent and attaches tables in their
// place. From here on no other session has a lock on any of them.
struct SwappedTables {
    Oid parent;
    std::vector<Oid> leave;  // with whatever else is to be locked like them
    std::vector<Oid> come;
    Oid model;  // the template, or InvalidOid
};
// Waits for each of those that come no longer than `wait_for_new` (milliseconds).
void lock_to_swap(const SwappedTables& swapped, int wait, int wait_for_new);

// Whether DROP TABLE of a table that was just detached locks only the table and its own objects.
bool drop_locks_nothing_else(Oid table);

}  // namespace ppm
