// What is said to the client is text that it can get. A name may have characters that its encoding
// has not: PostgreSQL would raise an error over them, and what the message tells of would be
// undone.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// These work in memory of PostgreSQL's and may ereport.

// The text, or a copy in which what the client cannot get is written as `\u65e5`, or `?` where the
// server's encoding is not UTF8.
const char* for_client(const char* text);

// Whether the client gets the text as it is.
bool reaches_client(const char* text);

// Whether what others add to a message as its context may be what the client cannot get.
bool is_converted_for_client();

// Says it at a level below ERROR. Detail and hint may be empty.
void tell(int level, int sqlstate, const char* message, const char* detail = "",
          const char* hint = "");

// Runs report(), which ereports below ERROR. What callers further up would add as context is left
// out where it may not reach the client.
template <typename Report>
void report_without_callers_context(Report report) {
    ErrorContextCallback* const callbacks = error_context_stack;
    if (is_converted_for_client())
        error_context_stack = nullptr;
    report();
    error_context_stack = callbacks;
}

}  // namespace ppm
