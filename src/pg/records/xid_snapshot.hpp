// A snapshot that outlives its transaction: which transactions' rows there were at some moment.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// As PostgreSQL's type pg_snapshot has it, but the list of those in progress includes
// subtransactions.
struct XidSnapshot {
    std::uint64_t xmin;                      // all before it had ended
    std::uint64_t xmax;                      // none from it on had
    std::vector<std::uint64_t> in_progress;  // between the two, in order

    // Whether it shows the rows that have this xmin, which may be frozen, `next` being the next
    // transaction. In doubt it does not.
    bool shows(TransactionId xid, std::uint64_t next) const;
};

// The snapshot of now, as text. Throws PostgresError.
std::string snapshot_of_now();

// Of the text that pg_snapshot has.
XidSnapshot snapshot_of_text(const std::string& text);

// What is known of a moment if only the transaction is that wrote something then.
XidSnapshot snapshot_before(TransactionId xid);

}  // namespace ppm
