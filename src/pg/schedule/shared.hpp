// What the launcher, the workers that it starts, and everybody's sessions have in common, in the
// server's shared memory. There is none where ppm is not in shared_preload_libraries.
#pragma once

#include <atomic>

#include "pg/bridge/postgres.hpp"

namespace ppm {

// Why something failed. Texts that are too long are cut.
struct Complaint {
    int sqlstate;
    char message[2048];
    char detail[16384];
    char hint[2048];
};

void set_text(Complaint& complaint, int sqlstate, const char* message, const char* detail,
              const char* hint);

// What a worker is to do in a database.
struct Visit {
    enum class Kind {
        look,    // what is there to be called?
        call,    // call run_all()
        record,  // that it could not be called
    };
    Kind kind;
    Oid database;
    Oid role;            // of `call`
    NameData role_name;  // of `look`; empty for the owner of the extension
    Complaint failure;   // of `record`
};

// What came of it.
struct Finding {
    enum class Kind {
        no_worker,     // no worker was free
        none,          // the worker has ended without a word
        failed,        // see `failure`
        no_extension,  // the database has no ppm
        busy,          // somebody else is calling run_all()
        found,         // see `role` and `last_call`
        done,
    };
    Kind kind;
    Oid role;
    bool has_last_call;
    TimestampTz last_call;
    Complaint failure;
};

// One worker at a time. The launcher writes `visit` before it starts one, and reads `finding` after
// it has ended.
struct SharedSchedule {
    // Of the launcher and the worker of now: a worker that has outlived its launcher is to be
    // ignored.
    int visit_number;
    Visit visit;
    Finding finding;

    // Warnings that were written to the log: hashes, the oldest is overwritten.
    std::array<std::uint64_t, 256> said;
    std::size_t next_said;

    // When a database is called next. Written by the launcher, read by everybody.
    struct Time {
        std::atomic<Oid> database;
        std::atomic<TimestampTz> at;
    };
    std::array<Time, 1024> times;
};

static_assert(std::atomic<TimestampTz>::is_always_lock_free);

// From _PG_init(), while the server starts. May ereport.
void reserve_shared_schedule();

// Null where there is none.
SharedSchedule* shared_schedule();

// Tells everybody when each of these databases is called next; more than there is room for are not
// shown.
void publish(const std::map<Oid, TimestampTz>& times);

// When this database is called next; nothing if it is not.
std::optional<TimestampTz> scheduled_at();

}  // namespace ppm
