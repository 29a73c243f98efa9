// A snapshot that outlives its transaction: whose rows were visible at some moment.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Like PostgreSQL's type pg_snapshot, but the list of transactions in progress includes
// subtransactions.
struct XidSnapshot {
    std::uint64_t xmin;                      // all transactions before it had ended
    std::uint64_t xmax;                      // no transaction from it on had ended
    std::vector<std::uint64_t> in_progress;  // between the two, in order

    // Whether the snapshot shows rows with this xmin, frozen or not. `next` is the next transaction
    // ID. In doubt it does not.
    bool shows(TransactionId xid, std::uint64_t next) const;

    // As pg_snapshot is written.
    std::string text() const;
};

// The snapshot of now. Throws PostgresError.
XidSnapshot snapshot_of_now();

// Shows the rows of all transactions that are older than this one, also of those that are still in
// progress, and no others. Gives this transaction an ID. Throws PostgresError.
XidSnapshot snapshot_of_older_transactions();

// Shows what `older` shows, but for the rows of transactions that are still in progress.
XidSnapshot ended_by_now(const XidSnapshot& older);

// Parses the text form of pg_snapshot.
XidSnapshot snapshot_of_text(const std::string& text);

// The snapshot from just before `xid`, if only the xid of a writer is known for that moment.
XidSnapshot snapshot_before(TransactionId xid);

}  // namespace ppm
