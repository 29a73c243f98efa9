#include "pg/run/worker.hpp"

#include "pg/bridge/settings.hpp"
#include "pg/run/worker_protocol.hpp"

namespace ppm {

namespace {

constexpr Size queue_bytes = Size{16} * 1024;

Size shared_size(shm_toc_estimator& estimator) {
    shm_toc_initialize_estimator(&estimator);
    shm_toc_estimate_chunk(&estimator, sizeof(WorkerSettings));
    shm_toc_estimate_chunk(&estimator, queue_bytes);
    shm_toc_estimate_chunk(&estimator, queue_bytes);
    shm_toc_estimate_keys(&estimator, 3);
    return shm_toc_estimate(&estimator);
}

shm_mq* create_queue(shm_toc* contents, WorkerKey key) {
    shm_mq* const queue = shm_mq_create(shm_toc_allocate(contents, queue_bytes), queue_bytes);
    shm_toc_insert(contents, key, queue);
    return queue;
}

// Runs when the session that started the worker lets go of the memory they share: at the end of a
// call, after an error, and when the session is terminated.
void end_worker(dsm_segment*, Datum handle) {
    TerminateBackgroundWorker(reinterpret_cast<BackgroundWorkerHandle*>(DatumGetPointer(handle)));
}

[[noreturn]] void raise_end_of_worker() {
    ereport(ERROR, (errcode(ERRCODE_CONNECTION_FAILURE),
                    errmsg("the background worker of ppm has ended unexpectedly"),
                    errhint("The server's log might say why. If ppm was updated since this session "
                            "first called it, open a new session.")));
}

[[noreturn]] void raise_unheeded_timeout() {
    ereport(ERROR,
            (errcode(ERRCODE_QUERY_CANCELED),
             errmsg("the background worker of ppm ignored ppm.statement_timeout and was "
                    "terminated"),
             errhint("A function in a constraint of the partition might catch the cancel.")));
}

}  // namespace

Worker::Worker(Oid owner, int check_interval) : owner_{owner} {
    call([this, owner, check_interval] {
        const MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
        start(owner, check_interval);
        MemoryContextSwitchTo(before);
    });
}

// In TopMemoryContext, and with a mapping that outlives the transaction: the session commits while
// the worker lives. May ereport.
void Worker::start(Oid owner, int check_interval) {
    shm_toc_estimator estimator;
    const Size size = shared_size(estimator);
    segment_ = dsm_create(size, 0);
    shm_toc* const contents = shm_toc_create(worker_magic(), dsm_segment_address(segment_), size);

    auto* const settings =
        static_cast<WorkerSettings*>(shm_toc_allocate(contents, sizeof(WorkerSettings)));
    *settings = {};
    settings->database = MyDatabaseId;
    settings->owner = owner;
    settings->lock_timeout = lock_timeout();
    settings->statement_timeout = statement_timeout();
    settings->check_interval = check_interval;
    // The worker's commits hold locks that others need: the session waits for standbys at the end.
    settings->synchronous_commit =
        std::min<int>(synchronous_commit, SYNCHRONOUS_COMMIT_LOCAL_FLUSH);
    shm_toc_insert(contents, settings_key, settings);
    shm_mq* const requests = create_queue(contents, requests_key);
    shm_mq* const answers = create_queue(contents, answers_key);
    shm_mq_set_sender(requests, MyProc);
    shm_mq_set_receiver(answers, MyProc);

    BackgroundWorker worker{};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "$libdir/ppm", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "ppm_worker_main", sizeof(worker.bgw_function_name));
    strlcpy(worker.bgw_name, "ppm worker", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "ppm worker", sizeof(worker.bgw_type));
    worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment_));
    worker.bgw_notify_pid = MyProcPid;
    if (!RegisterDynamicBackgroundWorker(&worker, &handle_)) {
        dsm_detach(segment_);
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                        errmsg("no background worker is free for ppm"),
                        errhint("Increase max_worker_processes, or call the procedure again when "
                                "other workers have ended.")));
    }
    on_dsm_detach(segment_, end_worker, PointerGetDatum(handle_));
    dsm_pin_mapping(segment_);
    requests_ = shm_mq_attach(requests, segment_, handle_);
    answers_ = shm_mq_attach(answers, segment_, handle_);
}

// Waits a few seconds for the worker to end at its next check for interrupts. Returns whether it
// has ended. Does not check for interrupts of this session.
bool Worker::wait_for_end() const {
    pid_t pid = 0;
    for (const Deadline deadline{std::chrono::seconds{5}}; !deadline.has_passed();) {
        if (GetBackgroundWorkerPid(handle_, &pid) == BGWH_STOPPED)
            return true;
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 10, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
    }
    return false;
}

Worker::~Worker() {
    call_in_destructor([this] {
        // An idle worker ends by itself when no more requests can come; a busy worker is
        // terminated. Either way, its last transaction must not commit while the session already
        // goes on.
        if (!is_dismissed_)
            shm_mq_detach(requests_);
        if (requests_in_progress_ > 0 || !wait_for_end()) {
            TerminateBackgroundWorker(handle_);
            wait_for_end();
        }
        shm_mq_detach(answers_);
        dsm_detach(segment_);
        pfree(handle_);
    });
}

void Worker::dismiss() {
    if (is_dismissed_)
        return;
    call([this] { shm_mq_detach(requests_); });
    is_dismissed_ = true;
}

bool Worker::can_serve(Oid owner) const {
    pid_t pid = 0;
    return owner == owner_ && !is_dismissed_ &&
           call([&] { return GetBackgroundWorkerPid(handle_, &pid); }) != BGWH_STOPPED;
}

void Worker::request_detach(const ManagedParent& managed, const DetachPartition& action,
                            bool drops_at_once, const WorkerRecord& record) {
    const Partition& partition = action.partition;
    const Table& table = *managed.parent.table;
    const Configuration& configuration = managed.parent.configuration;
    WorkerRequest request{table.relation,
                          partition.relation,
                          *table.key_type,
                          partition.bounds,
                          {},
                          {},
                          policy_for(configuration, partition),
                          configuration.row_hash,
                          drops_at_once,
                          requests_in_progress_ > 0,
                          record};
    namestrcpy(&request.partition_schema, partition.schema_name.c_str());
    namestrcpy(&request.partition_name, partition.name.c_str());
    this->request(sizeof(request), &request);
}

DetachAnswer Worker::receive_detach() {
    // The worker applies the timeout itself. This deadline is for code of the table's owner that
    // ignores it. The locks before the statement, and the drop, may take as long as the statement.
    return receive_answer(
        Deadline{3 * std::chrono::milliseconds{statement_timeout()} + std::chrono::seconds{2}});
}

void Worker::build_index(Oid table, Oid index, const std::string& key,
                         const std::string& built_name) {
    IndexRequest request{table, index, {}, {}};
    namestrcpy(&request.key, key.c_str());
    namestrcpy(&request.built_name, built_name.c_str());
    this->request(sizeof(request), &request);
    receive_answer(std::nullopt);
}

void Worker::validate_constraint(Oid table, const char* constraint,
                                 const std::function<void()>& watch) {
    ValidateRequest request{table, {}};
    namestrcpy(&request.constraint, constraint);
    this->request(sizeof(request), &request);
    receive_answer(std::nullopt, watch);
}

void Worker::request(Size size, const void* data) {
    ++requests_in_progress_;
    call([&] {
        if (send(requests_, size, data) != SHM_MQ_SUCCESS)
            raise_end_of_worker();
    });
}

// The worker's next message, whose data is valid until the next call; nothing if none comes by the
// deadline. May ereport.
std::optional<Worker::Message> Worker::receive(const std::optional<Deadline>& deadline) {
    Message message{};
    while (true) {
        const shm_mq_result result = shm_mq_receive(answers_, &message.size, &message.data, true);
        if (result == SHM_MQ_SUCCESS)
            return message;
        if (result == SHM_MQ_DETACHED)
            raise_end_of_worker();
        // Without a deadline, looks again from time to time.
        const long left = deadline ? deadline->left() : 10000;
        if (left == 0)
            return std::nullopt;
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left,
                  PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

DetachAnswer Worker::receive_answer(const std::optional<Deadline>& deadline,
                                    const std::function<void()>& watch) {
    constexpr std::chrono::seconds between_looks{1};
    bool is_cancel = false;
    while (true) {
        const auto received =
            call([&] { return receive(watch ? Deadline{between_looks} : deadline); });
        if (!received && watch) {
            watch();
            continue;
        }
        if (!received)
            call(raise_unheeded_timeout);
        const Message& message = *received;
        const char type = *static_cast<const char*>(message.data);
        if (type == done_type || type == 'E')
            --requests_in_progress_;
        if (type == done_type) {
            DoneMessage done;
            memcpy(&done, message.data, sizeof(done));
            return {done.is_skipped, done.is_dropped, done.others_waited};
        }
        is_cancel = is_cancel || type == cancelled_type;
        if (type == 'E' || type == 'N')
            raise_received(static_cast<const char*>(message.data) + 1, message.size - 1,
                           is_cancel && type == 'E');
    }
}

void CallWorker::start_early(Oid owner, int check_interval) {
    if (!is_expected_ || worker_)
        return;
    try {
        Subtransaction subtransaction;
        worker_.emplace(owner, check_interval);
        subtransaction.commit();
    } catch (const Error& error) {
        if (ends_the_call(error))
            throw;
    }
}

Worker& CallWorker::get(Oid owner, int check_interval) {
    if (worker_ && !worker_->can_serve(owner))
        worker_.reset();
    if (!worker_)
        worker_.emplace(owner, check_interval);
    return *worker_;
}

void CallWorker::dismiss() {
    is_expected_ = false;
    if (worker_)
        worker_->dismiss();
}

}  // namespace ppm
