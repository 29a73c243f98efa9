// What a session and its worker have in common: the shared memory between them, and the messages.
//
// A table of contents (shm_toc.h) has the settings and two queues (shm_mq.h): one for requests, the
// other for answers and the worker's other messages.
#pragma once

#include "core/key/bound.hpp"
#include "core/key/key.hpp"
#include "pg/bridge/version.hpp"
#include "pg/records/history.hpp"

namespace ppm {

// Keys of the parts of the shared memory.
enum WorkerKey : uint64 { settings_key, requests_key, answers_key };

// What the worker takes over from the session that starts it.
struct WorkerSettings {
    Oid database;
    Oid owner;
    int lock_timeout;
    int statement_timeout;
    int check_interval;  // of the watch for deadlocks
    int synchronous_commit;
};

// One partition to detach, as it was judged. The names of the parent, and what else is to be told
// of both, are in the record, whose second step is the drop.
struct WorkerRequest {
    Oid parent;
    Oid partition;
    KeyType key_type;
    BoundRange bounds;
    NameData partition_schema;
    NameData partition_name;
    CleanupPolicy policy;
    std::int64_t row_hash;  // of the configuration that it was judged by
    bool drops_at_once;     // in the same transaction, if that locks nobody else's table
    // It comes before the answer to the last request, and is skipped unless that was carried out as
    // asked, and nobody had to wait for it.
    bool is_ahead;
    WorkerRecord record;
};

// One unique index to build again, with the key as one more column, beside the old one. Has no
// timeout.
struct IndexRequest {
    Oid table;
    Oid index;
    NameData key;
    NameData built_name;
};

// One constraint to validate. Has no timeout either.
struct ValidateRequest {
    Oid table;
    NameData constraint;
};

// The size of a message tells which request it is.
static_assert(sizeof(IndexRequest) != sizeof(WorkerRequest));
static_assert(sizeof(ValidateRequest) != sizeof(WorkerRequest));
static_assert(sizeof(ValidateRequest) != sizeof(IndexRequest));

// Another version of the library, or another build of this one, may have other requests.
inline uint64 worker_magic() {
    return library_fingerprint() ^ (sizeof(WorkerRequest) << 32 ^ sizeof(IndexRequest) << 16 ^
                                    sizeof(ValidateRequest) << 8 ^ sizeof(WorkerSettings));
}

// Comes before an error: somebody cancelled the worker.
inline constexpr char cancelled_type = 'X';

// Says that a request was carried out, or skipped; the types of other messages are those of the
// frontend protocol.
inline constexpr char done_type = 'C';
struct DoneMessage {
    char type = done_type;
    bool is_skipped = false;
    bool is_dropped = false;
    std::chrono::microseconds others_waited{};
};

}  // namespace ppm
