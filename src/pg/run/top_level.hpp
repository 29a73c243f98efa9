// What a background worker does that has no client: queries, and statements as a session's own.
#pragma once

#include "pg/bridge/guard.hpp"
#include "pg/bridge/spi.hpp"

namespace ppm {

// Runs body(), which makes queries, in the transaction there is.
template <typename Body>
void with_queries(Body body) {
    call([] { PushActiveSnapshot(GetTransactionSnapshot()); });
    {
        const SpiConnection spi{false};
        body();
    }
    call(PopActiveSnapshot);
}

// Executes a statement that ends the transactions it is in, as a session's top-level statement, and
// leaves the last transaction open. The current memory context must outlive the transactions. May
// ereport.
void execute_top_level(const char* statement, CommandTag tag);

}  // namespace ppm
