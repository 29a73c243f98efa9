// Messages have only text that the client can get. A name may have characters that the client's
// encoding does not have: PostgreSQL would raise an error, which undoes what the message reports.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// These work in memory of PostgreSQL's and may ereport.

// The text, or a copy in which characters that the client cannot get are written as `\u65e5`, or as
// `?` if the server's encoding is not UTF8.
const char* for_client(const char* text);

// Whether the client gets the text as it is.
bool reaches_client(const char* text);

// Whether the context that callers add to a message may have characters the client cannot get.
bool is_converted_for_client();

// Reports a message at a level below ERROR. Detail and hint may be empty.
void tell(int level, int sqlstate, const char* message, const char* detail = "",
          const char* hint = "");

// Runs report(), which ereports below ERROR. Leaves out the context of callers further up if the
// client may not get it.
template <typename Report>
void report_without_callers_context(Report report) {
    ErrorContextCallback* const callbacks = error_context_stack;
    if (is_converted_for_client())
        error_context_stack = nullptr;
    report();
    error_context_stack = callbacks;
}

}  // namespace ppm
