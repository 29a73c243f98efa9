// For a background worker, which has no client: runs queries, and statements like a session's own.
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

// Executes a statement that ends transactions itself, like a session's top-level statement, and
// leaves the last transaction open. The current memory context must outlive the transactions. May
// ereport.
void execute_top_level(const char* statement, CommandTag tag);

}  // namespace ppm
