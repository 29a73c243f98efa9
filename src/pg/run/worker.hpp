// A background worker that does what no function or procedure may: DETACH PARTITION ...
// CONCURRENTLY and CREATE INDEX CONCURRENTLY, which end the transaction that they began in, and so
// have to be a session's top-level statement.
#pragma once

#include "core/deadline.hpp"
#include "core/plan/planner.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/records/history.hpp"

namespace ppm {

// What came of a detach.
struct DetachAnswer {
    bool is_dropped;
    std::chrono::microseconds others_waited;  // or may have had to, for the worker's locks
};

// One worker, for the tables of one owner: it connects to the database, becomes that owner, and
// detaches what it is told to. It never becomes another: what the owner's code may have left in its
// session must meet nobody else's tables. It ends with this object, and with the session that has
// started it, however that ends.
//
// The session must hold no lock on the parent meanwhile: the worker would wait for it, and nobody
// would notice.
class Worker : Scope {
  public:
    // Throws 53000 with a hint if no worker is free.
    // `check_interval`: how often it looks for a deadlock, in milliseconds.
    Worker(Oid owner, int check_interval);
    ~Worker();

    // Whether it is that owner's, and has not ended.
    bool can_serve(Oid owner) const;

    // Detaches the partition concurrently, under ppm's timeouts, if all is what it was: the parent
    // by its OID and name, the partition by OID, name and bounds, and the row of the configuration;
    // and records what it does, together with it. `drops_at_once`: it may drop it, too, in the
    // transaction that detaches it; where that fails the table is detached, and to be dropped yet.
    // Throws the worker's error as it was; after any error the partition may be attached or
    // pending or, if the worker is lost, gone.
    DetachAnswer detach(const ManagedParent& managed, const DetachPartition& action,
                        bool drops_at_once, const WorkerRecord& record);

    // Builds a unique index of the owner's table anew, CONCURRENTLY, with the column as one more,
    // under that name. Waits for as long as it takes. After an error there may be one of that name
    // that is not valid.
    void build_index(Oid table, Oid index, const std::string& key, const std::string& built_name);

    // Validates a constraint of the owner's table. Reads all the rows, for as long as that takes,
    // while others read and write them. Calls watch() about once a second: what that throws ends
    // the worker and its statement.
    void validate_constraint(Oid table, const char* constraint, const std::function<void()>& watch);

  private:
    void start(Oid owner, int check_interval);
    bool wait_for_end() const;

    struct Message {
        Size size;
        void* data;
    };
    std::optional<Message> receive(const std::optional<Deadline>& deadline);
    void request(Size size, const void* data);
    DetachAnswer receive_answer(const std::optional<Deadline>& deadline,
                                const std::function<void()>& watch = {});

    Oid owner_;
    bool busy_ = false;
    dsm_segment* segment_ = nullptr;
    BackgroundWorkerHandle* handle_ = nullptr;
    shm_mq_handle* requests_ = nullptr;
    shm_mq_handle* answers_ = nullptr;
};

}  // namespace ppm
