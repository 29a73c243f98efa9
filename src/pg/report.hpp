// What a call says: what it did, at once, and what it could not do, collected to the end, so that
// one bad table stops no other.
#pragma once

#include "core/anomaly.hpp"
#include "core/configuration.hpp"
#include "pg/catalog.hpp"
#include "pg/guard.hpp"

namespace ppm {

// `created partition "public.orders_2026_11_22" for 2026-11-22 to 2026-11-23`, as a NOTICE.
void say(const char* done, const ManagedParent& managed, const std::string& schema_name,
         const std::string& name, const BoundRange& bounds);

// `2026-11-22 to 2026-11-23`
std::string range_text(const ManagedParent& managed, const BoundRange& bounds);

struct Failure {
    std::string table;
    std::string partition;  // empty where it is about the table
    std::string message;    // one line, with what PostgreSQL calls the error
    std::string hint;
};

Failure failure_of(const Configuration& configuration, std::string partition, const Error& error);
Failure failure_of(const Configuration& configuration, const Anomaly& anomaly);

// `; locks are held by process 123, 456`: who may stand in the way of a lock on one of the
// relations or on a table that a foreign key ties to them. Empty if nobody (any more).
std::string lock_holders(const std::vector<Oid>& relations);

// Says at once, as a WARNING, that the parent cannot be managed.
void warn(const Configuration& configuration, const Anomaly& anomaly);

// Raises one error for all of them: a line each in its detail, and in its hint what to do about
// them and, last, `closing_hint`.
[[noreturn]] void raise_failures(int sqlstate, const std::string& message,
                                 const std::vector<Failure>& failures,
                                 const std::string& closing_hint);

// An error that must end the call at once, whatever is left to do: somebody wants it to stop.
bool ends_the_call(const Error& error);

// A lock that others held for too long: trying again may help.
bool is_lock_failure(const Error& error);

// A timeout, the end of the worker, a full lock table, a table that is no longer what it was: no
// use in going on with the table's next partition.
bool stops_the_table(const Error& error);

}  // namespace ppm
