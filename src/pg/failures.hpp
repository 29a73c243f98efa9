// What a call could not do, collected to the end, so that one bad table stops no other.
#pragma once

#include "core/anomaly.hpp"
#include "core/configuration.hpp"
#include "pg/guard.hpp"

namespace ppm {

struct Failure {
    std::string table;
    std::string partition;  // empty where it is about the table
    std::string message;    // one line, with what PostgreSQL calls the error
    std::string hint;
};

Failure failure_of(const Configuration& configuration, std::string partition, const Error& error);
Failure failure_of(const Configuration& configuration, const Anomaly& anomaly);

// Says at once, as a WARNING, that the parent cannot be managed.
void warn(const Configuration& configuration, const Anomaly& anomaly);

// Raises one error for all of them: a line each in its detail, and in its hint what to do about
// them and, last, `closing_hint`.
[[noreturn]] void raise_failures(int sqlstate, const std::string& message,
                                 const std::vector<Failure>& failures,
                                 const std::string& closing_hint);

// An error that must end the call at once, whatever is left to do: the user or the server wants to
// stop.
bool ends_the_call(const Error& error);

// A lock that others held for too long: trying again may help.
bool is_lock_failure(const Error& error);

// ppm.statement_timeout has run out.
bool is_statement_timeout(const Error& error);

}  // namespace ppm
