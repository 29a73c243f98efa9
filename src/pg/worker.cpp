#include "pg/worker.hpp"

#include "pg/ledger.hpp"
#include "pg/locks.hpp"
#include "pg/partition_bound.hpp"
#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "pg/version.hpp"

extern "C" {
PGDLLEXPORT void ppm_worker_main(Datum argument);
}

namespace ppm {

namespace {

constexpr Size queue_bytes = Size{16} * 1024;

enum Key : uint64 { settings_key, requests_key, answers_key };

// What the worker takes over from the session that starts it.
struct WorkerSettings {
    Oid database;
    Oid owner;
    int lock_timeout;
    int statement_timeout;
    int synchronous_commit;
};

struct Request {
    Oid parent;
    Oid partition;
    KeyType key_type;
    BoundRange bounds;
    NameData partition_schema;
    NameData partition_name;
    WorkerRecord record;
};

// Another version of the library, or another build of this one, may have other requests.
uint64 shared_magic() {
    return library_fingerprint() ^ (sizeof(Request) << 32 | sizeof(WorkerSettings));
}

// Says that a request was carried out; the types of other messages are those of the frontend
// protocol.
constexpr char done_type = 'C';
struct DoneMessage {
    char type = done_type;
    std::chrono::microseconds others_waited{};
};

Size shared_size(shm_toc_estimator& estimator) {
    shm_toc_initialize_estimator(&estimator);
    shm_toc_estimate_chunk(&estimator, sizeof(WorkerSettings));
    shm_toc_estimate_chunk(&estimator, queue_bytes);
    shm_toc_estimate_chunk(&estimator, queue_bytes);
    shm_toc_estimate_keys(&estimator, 3);
    return shm_toc_estimate(&estimator);
}

shm_mq* create_queue(shm_toc* contents, Key key) {
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
                    errhint("The server's log may say why. If ppm was updated since this session "
                            "first called it, open a new session.")));
}

}  // namespace

Worker::Worker(Oid owner) {
    call([this, owner] {
        const MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
        start(owner);
        MemoryContextSwitchTo(before);
    });
}

// In TopMemoryContext, and with a mapping that outlives the transaction: the session commits while
// the worker lives. May ereport.
void Worker::start(Oid owner) {
    shm_toc_estimator estimator;
    const Size size = shared_size(estimator);
    segment_ = dsm_create(size, 0);
    shm_toc* const contents = shm_toc_create(shared_magic(), dsm_segment_address(segment_), size);

    auto* const settings =
        static_cast<WorkerSettings*>(shm_toc_allocate(contents, sizeof(WorkerSettings)));
    *settings = {};
    settings->database = MyDatabaseId;
    settings->owner = owner;
    settings->lock_timeout = lock_timeout();
    settings->statement_timeout = statement_timeout();
    // Its commits hold locks that others need: the session waits for the standbys, at the end.
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

// Waits for some seconds for the worker to end, as it does at its next chance to be interrupted;
// returns whether it did. Looks at no interrupt of our own.
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
        // One that waits for a request ends by itself when there can be none any more; one that is
        // at work is terminated. Either way its last transaction must not commit behind the back of
        // what comes next.
        shm_mq_detach(requests_);
        if (busy_ || !wait_for_end()) {
            TerminateBackgroundWorker(handle_);
            wait_for_end();
        }
        shm_mq_detach(answers_);
        dsm_detach(segment_);
        pfree(handle_);
    });
}

std::chrono::microseconds Worker::detach(const Table& parent, const Partition& partition,
                                         const WorkerRecord& record) {
    Request request{parent.relation, partition.relation, *parent.key_type, partition.bounds, {}, {},
                    record};
    namestrcpy(&request.partition_schema, partition.schema_name.c_str());
    namestrcpy(&request.partition_name, partition.name.c_str());
    busy_ = true;
    call([&] {
        if (send(requests_, sizeof(request), &request) != SHM_MQ_SUCCESS)
            raise_end_of_worker();
    });
    return receive_answer();
}

// The worker's next message, which stays where it is until the next call. May ereport.
Worker::Message Worker::receive(const Deadline& deadline) {
    Message message{};
    while (true) {
        const shm_mq_result result = shm_mq_receive(answers_, &message.size, &message.data, true);
        if (result == SHM_MQ_SUCCESS)
            return message;
        if (result == SHM_MQ_DETACHED)
            raise_end_of_worker();
        const long left = deadline.left();
        if (left == 0)
            ereport(ERROR,
                    (errcode(ERRCODE_QUERY_CANCELED),
                     errmsg("the background worker of ppm did not heed ppm.statement_timeout and "
                            "is terminated"),
                     errhint("A function in a constraint of the partition may catch the cancel.")));
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, left,
                  PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
    }
}

std::chrono::microseconds Worker::receive_answer() {
    // The worker has its timeout itself; this is for one that code of the table's owner keeps from
    // it.
    const Deadline deadline{std::chrono::milliseconds{statement_timeout()} +
                            std::chrono::seconds{2}};
    while (true) {
        const Message message = call([&] { return receive(deadline); });
        const char type = *static_cast<const char*>(message.data);
        if (type == done_type || type == 'E')
            busy_ = false;
        if (type == done_type) {
            DoneMessage done;
            memcpy(&done, message.data, sizeof(done));
            return done.others_waited;
        }
        if (type == 'E' || type == 'N')
            raise_received(static_cast<const char*>(message.data) + 1, message.size - 1);
    }
}

namespace {

// The rest runs in the worker.

// In its first transaction DETACH evaluates the partition's constraints, which may call anybody's
// functions. They run in a security-restricted context: the authenticated user of this session is a
// superuser, whom they could become again otherwise. The context must not outlast the transaction
// (StartTransaction() in xact.c); in the second nothing of that kind is evaluated.
void enter_restriction() {
    Oid user = InvalidOid;
    int context = 0;
    GetUserIdAndSecContext(&user, &context);
    SetUserIdAndSecContext(user,
                           context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

// These may ereport, so no std::string here.
void set(const char* name, const char* value) {
    SetConfigOption(name, value, PGC_SUSET, PGC_S_SESSION);
}

void set_milliseconds(const char* name, int value) {
    set(name, psprintf("%d", value));
}

// Before each statement, and before each transaction ends: somebody's code may have run in it, and
// in the next one ppm writes its own tables as their owner.
void pin_settings(const WorkerSettings& settings) {
    ResetAllOptions();
    set("search_path", "pg_catalog, pg_temp");
    // Its messages go to a session of this server.
    set("client_encoding", GetDatabaseEncodingName());
    set_milliseconds("lock_timeout", settings.lock_timeout);
    set_milliseconds("deadlock_timeout", deadlock_timeout_for(settings.lock_timeout));
    set("default_transaction_read_only", "off");
    set("default_transaction_isolation", "read committed");
    set_no_transaction_timeout();
    synchronous_commit = settings.synchronous_commit;
}

// Connects as the superuser, because a role that may not log in can own tables; from then on it is
// the owner's session.
void connect(const WorkerSettings& settings) {
    BackgroundWorkerInitializeConnectionByOid(settings.database, InvalidOid, 0);
    StartTransactionCommand();
    // Whatever ALTER DATABASE ... SET says.
    pin_settings(settings);
    // ALTER DATABASE ... SET role would outlast the change of the session's user.
    set("role", "none");
    SetSessionAuthorization(settings.owner, superuser_arg(settings.owner));
    if (GetUserId() != settings.owner)
        elog(FATAL, "ppm worker could not become the table's owner");
    CommitTransactionCommand();
}

// What somebody's code has set must not outlast its transaction either. May ereport.
void end_somebodys_code(XactEvent event, void* settings) {
    if (event == XACT_EVENT_PRE_COMMIT)
        pin_settings(*static_cast<const WorkerSettings*>(settings));
    if (event != XACT_EVENT_COMMIT)
        return;
    Oid user = InvalidOid;
    int context = 0;
    GetUserIdAndSecContext(&user, &context);
    SetUserIdAndSecContext(
        user, context & ~(SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION));
}

// Whether the request is about what bears this name and has these bounds now. Under the locks. May
// ereport.
bool is_up_to_date(const Request& request) {
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(request.partition));
    if (!HeapTupleIsValid(tuple))
        return false;
    bool is_null = false;
    const Datum bound = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relpartbound, &is_null);
    const bool same = !is_null && read_partition_bound(bound, request.key_type) == request.bounds;
    ReleaseSysCache(tuple);
    return same && get_rel_name(request.parent) != nullptr &&
           get_relname_relid(NameStr(request.partition_name),
                             get_namespace_oid(NameStr(request.partition_schema), true)) ==
               request.partition;
}

// Under locks that keep both from being renamed, attached or detached, so that the statement's
// names are those of the OIDs, and the bounds those that were judged. DETACH itself checks that one
// is the other's partition, and that the owner is the owner. May ereport.
const char* verified_statement(const Request& request) {
    LockRelationOid(request.parent, ShareUpdateExclusiveLock);
    LockRelationOid(request.partition, ShareUpdateExclusiveLock);
    if (!is_up_to_date(request))
        ereport(
            ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("partition \"%s\" was renamed, dropped, detached or attached anew meanwhile",
                    NameStr(request.partition_name)),
             errhint("Call the procedure again.")));
    return psprintf(
        "ALTER TABLE %s DETACH PARTITION %s CONCURRENTLY",
        quote_qualified_identifier(get_namespace_name(get_rel_namespace(request.parent)),
                                   get_rel_name(request.parent)),
        quote_qualified_identifier(NameStr(request.partition_schema),
                                   NameStr(request.partition_name)));
}

// May ereport.
void begin_transaction(const WorkerSettings& settings) {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    pin_settings(settings);
    enable_timeout_after(STATEMENT_TIMEOUT, settings.statement_timeout);
}

// Runs body(), which makes queries.
template <typename Body>
void with_queries(Body body) {
    call([] { PushActiveSnapshot(GetTransactionSnapshot()); });
    {
        const SpiConnection spi{false};
        body();
    }
    call(PopActiveSnapshot);
}

// What is being detached; null: nothing.
const Request* current_request = nullptr;
int lock_wait = 0;
// Since when others may have to wait for the second transaction, if any have to.
std::optional<Deadline::Clock::time_point> locks_asked_for;
object_access_hook_type next_object_access_hook = nullptr;

// May ereport.
void lock_all(Statement statement) {
    boundary([statement] {
        const Request& request = *current_request;
        const auto now = Deadline::Clock::now();
        with_queries([&] {
            if (lock_together(statement, request.parent, request.partition, lock_wait))
                locks_asked_for = now;
        });
    });
}

// RemoveInheritance() in tablecmds.c calls this in the second transaction, before the foreign keys
// are detached: the only place in it where their tables can be locked together.
void inheritance_removed(ObjectAccessType access, Oid class_id, Oid object, int sub_id,
                         void* argument) {
    if (next_object_access_hook != nullptr)
        next_object_access_hook(access, class_id, object, sub_id, argument);
    if (access == OAT_POST_ALTER && class_id == InheritsRelationId && current_request != nullptr &&
        object == current_request->partition)
        lock_all(Statement::finish_detach);
}

// As exec_simple_query() in postgres.c runs a statement that ends its transaction: in a portal, and
// with everything that is to survive the transaction in a context of its own. Leaves the second
// transaction, which has detached the partition, open.
void execute_detach(const Request& request, MemoryContext context) {
    MemoryContextSwitchTo(context);
    const char* const statement = verified_statement(request);
    debug_query_string = statement;
    pgstat_report_activity(STATE_RUNNING, statement);

    PushActiveSnapshot(GetTransactionSnapshot());
    RawStmt* const raw = linitial_node(RawStmt, pg_parse_query(statement));
    List* const planned = pg_plan_queries(analyze(raw, statement), statement, 0, nullptr);
    PopActiveSnapshot();

    Portal portal = CreatePortal("", true, true);
    portal->visible = false;
    PortalDefineQuery(portal, nullptr, statement, CMDTAG_ALTER_TABLE, planned, nullptr);
    PortalStart(portal, nullptr, 0, InvalidSnapshot);
    enter_restriction();
    run_portal(portal);
    PortalDrop(portal, false);
}

// Records the detach in its own transaction: whatever happens, both are there or neither is.
void confirm(const Request& request) {
    with_queries([&] {
        confirm_detached(request.partition);
        write(request.record);
    });
}

void end_transaction() {
    CommitTransactionCommand();
    disable_timeout(STATEMENT_TIMEOUT, false);
    debug_query_string = nullptr;
    pgstat_report_activity(STATE_IDLE, nullptr);
}

// Carries out one request, and answers.
void serve(const Request& request, const WorkerSettings& settings, shm_mq_handle* answers,
           MemoryContext context) {
    current_request = &request;
    try {
        call([&] { begin_transaction(settings); });
        call([] { lock_all(Statement::begin_detach); });
        locks_asked_for.reset();
        call([&] { execute_detach(request, context); });
        confirm(request);
        call(end_transaction);
        DoneMessage done;
        if (locks_asked_for)
            done.others_waited = std::chrono::ceil<std::chrono::microseconds>(
                Deadline::Clock::now() - *locks_asked_for);
        call([&] { send(answers, sizeof(done), &done); });
    } catch (const PostgresError& error) {
        call([] {
            disable_timeout(STATEMENT_TIMEOUT, false);
            AbortCurrentTransaction();
            debug_query_string = nullptr;
            pgstat_report_activity(STATE_IDLE, nullptr);
        });
        report(error);
    }
    current_request = nullptr;
    MemoryContextReset(context);
}

void work(Datum argument) {
    struct Received {
        Size size;
        void* data;
        shm_mq_result result;
    };
    shm_mq_handle* requests = nullptr;
    shm_mq_handle* answers = nullptr;
    WorkerSettings settings = call([&] {
        pqsignal(SIGTERM, die);
        BackgroundWorkerUnblockSignals();
        dsm_segment* const segment = dsm_attach(DatumGetUInt32(argument));
        if (segment == nullptr)
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("the session that started the ppm worker has ended")));
        dsm_pin_mapping(segment);
        shm_toc* const contents = shm_toc_attach(shared_magic(), dsm_segment_address(segment));
        // Sessions keep the library that they have loaded, workers load the one of now.
        if (contents == nullptr)
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("the session that started the ppm worker has loaded another "
                                   "version of ppm's library")));
        auto* const request_queue =
            static_cast<shm_mq*>(shm_toc_lookup(contents, requests_key, false));
        auto* const answer_queue =
            static_cast<shm_mq*>(shm_toc_lookup(contents, answers_key, false));
        shm_mq_set_receiver(request_queue, MyProc);
        shm_mq_set_sender(answer_queue, MyProc);
        requests = shm_mq_attach(request_queue, segment, nullptr);
        answers = shm_mq_attach(answer_queue, segment, nullptr);
        pq_redirect_to_shm_mq(segment, answers);
        const WorkerSettings received =
            *static_cast<WorkerSettings*>(shm_toc_lookup(contents, settings_key, false));
        connect(received);
        return received;
    });
    const MemoryContext context = call([&settings] {
        RegisterXactCallback(end_somebodys_code, &settings);
        lock_wait = settings.lock_timeout;
        next_object_access_hook = std::exchange(object_access_hook, inheritance_removed);
        return AllocSetContextCreateInternal(TopMemoryContext, "ppm worker",
                                             ALLOCSET_DEFAULT_SIZES);
    });

    while (true) {
        const Received received = call([requests] {
            Received result{};
            result.result = shm_mq_receive(requests, &result.size, &result.data, false);
            return result;
        });
        if (received.result != SHM_MQ_SUCCESS || received.size != sizeof(Request))
            return;
        serve(*static_cast<const Request*>(received.data), settings, answers, context);
    }
}

}  // namespace

}  // namespace ppm

void ppm_worker_main(Datum argument) {
    ppm::boundary([argument] { ppm::work(argument); });
}
