// A background worker for statements that no function or procedure may run: DETACH PARTITION ...
// CONCURRENTLY and CREATE INDEX CONCURRENTLY. They end the transaction that they began in, so they
// must be a session's top-level statement.
#pragma once

#include "core/deadline.hpp"
#include "core/plan/planner.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/records/history.hpp"

namespace ppm {

// The result of a detach.
struct DetachAnswer {
    bool is_skipped;  // it was requested ahead, and then not even begun
    bool is_dropped;
    std::chrono::microseconds others_waited;  // or may have had to, for the worker's locks
};

// One worker for the tables of one owner. It connects to the database, becomes that owner, and
// executes requests. It never becomes another role: what the owner's code may have left in the
// session must not affect other owners' tables. It ends with this object, and with the session that
// has started it, however that ends.
//
// The session must hold no lock on the parent meanwhile: the worker would wait for it, and no
// deadlock would be detected.
class Worker : Scope {
  public:
    // Throws 53000 with a hint if no worker is free.
    // `check_interval`: how often it looks for a deadlock, in milliseconds.
    Worker(Oid owner, int check_interval);
    ~Worker();

    // Lets it end by itself. After that only the destructor may be called, which waits for the end.
    void dismiss();

    // Whether it is that owner's, and has not ended.
    bool can_serve(Oid owner) const;

    // Requests to detach the partition concurrently, under ppm's timeouts, and to record that in
    // the same transactions. The worker first checks that nothing has changed: OID and name of the
    // parent; OID, name and bounds of the partition; the row of the configuration. With
    // `drops_at_once`, it may also drop the table in the transaction that detaches it. If the drop
    // fails, the table is detached and still to be dropped.
    //
    // A second detach may be requested before the first is answered, so that the worker need not
    // wait for this session. It is skipped unless the first went as requested, and nobody had to
    // wait for it.
    void request_detach(const ManagedParent& managed, const DetachPartition& action,
                        bool drops_at_once, const WorkerRecord& record);

    // The answer to the first request that has none yet. Throws the worker's error unchanged. After
    // any error the partition may be attached or pending or, if the worker is lost, gone.
    DetachAnswer receive_detach();

    // Builds a copy of a unique index of the owner's table, CONCURRENTLY, with the column as one
    // more, under that name. Waits as long as it takes. An error may leave an invalid index of that
    // name.
    void build_index(Oid table, Oid index, const std::string& key, const std::string& built_name);

    // Validates a constraint of the owner's table. Reads all the rows, for as long as that takes,
    // while others read and write them. Calls watch() about once a second: if it throws, the worker
    // and its statement end.
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
    int requests_in_progress_ = 0;
    bool is_dismissed_ = false;
    dsm_segment* segment_ = nullptr;
    BackgroundWorkerHandle* handle_ = nullptr;
    shm_mq_handle* requests_ = nullptr;
    shm_mq_handle* answers_ = nullptr;
};

// The worker of a call, for one owner after the other.
class CallWorker : Scope {
  public:
    // The call is going to detach partitions, so a worker may be started before it is asked for:
    // that takes as long as ten detaches.
    void expect() { is_expected_ = true; }

    // Starts the owner's worker, if one is expected and none runs. Ignores errors: get() has them,
    // too.
    void start_early(Oid owner, int check_interval);

    // The owner's worker. Throws as Worker() does.
    Worker& get(Oid owner, int check_interval);

    // What get() returned last. It may have ended since: then its methods throw.
    Worker& running() { return *worker_; }

    // After an error: it may have died. Returns after it has ended.
    void end() { worker_.reset(); }

    // Nothing is detached any more.
    void dismiss();

  private:
    bool is_expected_ = false;
    std::optional<Worker> worker_;
};

}  // namespace ppm
