// Shared memory of the launcher, the workers that it starts, and all sessions. It does not exist if
// ppm is not in shared_preload_libraries.
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

// The result of a visit.
struct VisitResult {
    enum class Kind {
        no_worker,     // no worker was free
        none,          // the worker has ended without an answer
        failed,        // see `failure`
        no_extension,  // the database has no ppm
        busy,          // another session is calling run_all()
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
    // The visit of the current worker: a worker that has outlived its launcher is ignored.
    int visit_number;
    Visit visit;
    VisitResult finding;

    // Hashes of the warnings that were logged; the oldest is overwritten.
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

// Shows when each of these databases is called next; those without room are left out.
void publish(const std::map<Oid, TimestampTz>& times);

// When this database is called next; nothing if it is not scheduled.
std::optional<TimestampTz> scheduled_at();

}  // namespace ppm
