// The background worker's own process: a session of the table's owner that executes requests.
#include "core/deadline.hpp"
#include "core/text.hpp"
#include "pg/bridge/deadlock_watch.hpp"
#include "pg/bridge/messages.hpp"
#include "pg/bridge/role_path.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/catalog.hpp"
#include "pg/catalog/references.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/convert/unique.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/effects.hpp"
#include "pg/ddl/locks.hpp"
#include "pg/ddl/names.hpp"
#include "pg/records/ledger.hpp"
#include "pg/run/drop_at_once.hpp"
#include "pg/run/report.hpp"
#include "pg/run/session.hpp"
#include "pg/run/top_level.hpp"

extern "C" {
PGDLLEXPORT void ppm_worker_main(Datum argument);
}

namespace ppm {

namespace {

// DETACH evaluates constraints in its first transaction; in both, an event trigger may run
// anybody's functions. They run in a security-restricted context, because the session's
// authenticated user is a superuser, and they could switch back to that role. The context must not
// outlast the transaction (StartTransaction() in xact.c).
void enter_restriction() {
    Oid user = InvalidOid;
    int context = 0;
    GetUserIdAndSecContext(&user, &context);
    SetUserIdAndSecContext(user,
                           context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

// Runs body(), which makes queries. In the middle of the statement the path is the owner's.
template <typename Body>
void with_pinned_queries(Body body) {
    with_queries([&] {
        LocalSettings settings;
        settings.set("search_path", pinned_path);
        body();
    });
}

// What the hook below is to know.
const WorkerRequest* current_request = nullptr;
const WorkerSettings* current_settings = nullptr;
object_access_hook_type next_hook = nullptr;

// CREATE INDEX CONCURRENTLY waits for transactions as for a lock, and nobody waits behind it.
bool builds_index = false;

// Whether the second transaction of a detach may drop the table.
bool may_drop_at_once = false;

// The search_path of a plain session of the owner: user code runs in the middle of the statement.
const char* owners_path = nullptr;

// Since when others may have to wait for the second transaction, if any have to.
std::optional<Deadline::Clock::time_point> locks_asked_for;

// True in the first transaction of a detach. WAL is written in order: if a crash loses this commit,
// it loses the second, too, and the partition is attached as before.
bool needs_no_flush = false;

void lock_tables_of(Statement statement) {
    const auto now = Deadline::Clock::now();
    if (lock_together(statement, current_request->parent, current_request->partition,
                      current_settings->lock_timeout))
        locks_asked_for = now;
}

// PostgreSQL begins the second transaction itself. In it, RemoveInheritance() (tablecmds.c) calls
// this before any user code can run, and before the foreign keys are detached. Only here can the
// tables of those keys be locked together.
void on_object_access(ObjectAccessType access, Oid catalog, Oid object, int column, void* details) {
    if (access == OAT_POST_ALTER && catalog == InheritsRelationId) {
        enter_restriction();
        if (current_request != nullptr && object == current_request->partition)
            boundary([] {
                with_pinned_queries([] {
                    lock_own_tables();
                    // Whoever changes the configuration concurrently comes before the drop, or
                    // after it. Others may wait for this transaction, so it must not wait.
                    may_drop_at_once = current_request->drops_at_once &&
                                       lock_configuration_at_once(current_request->record.table());
                    lock_entry(current_request->partition);
                    lock_tables_of(Statement::finish_detach);
                });
            });
    }
    if (next_hook != nullptr)
        next_hook(access, catalog, object, column, details);
}

// These may ereport, so no std::string here.
void set(const char* name, const char* value) {
    SetConfigOption(name, value, PGC_SUSET, PGC_S_SESSION);
}

void set_milliseconds(const char* name, int value) {
    set(name, psprintf("%d", value));
}

// Called before each statement, and before each transaction ends: user code may have run in it, and
// in the next transaction ppm writes its own tables as their owner.
void pin_settings(const WorkerSettings& settings) {
    ResetAllOptions();
    set("search_path", owners_path == nullptr ? pinned_path : owners_path);
    // Its messages go to a session of this server.
    set("client_encoding", GetDatabaseEncodingName());
    set_milliseconds("lock_timeout", builds_index ? 0 : settings.lock_timeout);
    set_milliseconds("deadlock_timeout",
                     deadlock_timeout_for(builds_index ? INT_MAX : settings.lock_timeout));
    set("default_transaction_read_only", "off");
    set("default_transaction_isolation", "read committed");
    set_no_transaction_timeout();
    synchronous_commit = needs_no_flush ? SYNCHRONOUS_COMMIT_OFF : settings.synchronous_commit;
}

// Connects as the superuser, because a table's owner may be a role without LOGIN. From then on it
// is the owner's session.
void connect(const WorkerSettings& settings) {
    BackgroundWorkerInitializeConnectionByOid(settings.database, InvalidOid, 0);
    StartTransactionCommand();
    // Overrides ALTER DATABASE ... SET.
    pin_settings(settings);
    // ALTER DATABASE ... SET role would outlast the change of the session's user.
    set("role", "none");
    SetSessionAuthorization(settings.owner, superuser_arg(settings.owner));
    if (GetUserId() != settings.owner)
        elog(FATAL, "ppm worker could not become the table's owner");
    CommitTransactionCommand();
}

// Settings that user code has changed must not outlast its transaction either. May ereport.
void end_somebodys_code(XactEvent event, void* settings) {
    if (event == XACT_EVENT_PRE_COMMIT)
        pin_settings(*static_cast<const WorkerSettings*>(settings));
    if (event != XACT_EVENT_COMMIT)
        return;
    needs_no_flush = false;
    Oid user = InvalidOid;
    int context = 0;
    GetUserIdAndSecContext(&user, &context);
    SetUserIdAndSecContext(
        user, context & ~(SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION));
}

// May ereport.
void begin_transaction(const WorkerSettings& settings) {
    SetCurrentStatementStartTimestamp();
    StartTransactionCommand();
    enter_restriction();
    pin_settings(settings);
    enable_timeout_after(STATEMENT_TIMEOUT, settings.statement_timeout);
}

[[noreturn]] void raise_table_changed(Oid table) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("table \"%s\" was changed concurrently", get_rel_name(table)),
                    errhint("Call the procedure again.")));
}

void require_up_to_date(const WorkerRequest& request, Oid owner) {
    call([&] {
        if (!is_named(request.parent, NameStr(request.record.schema_name),
                      NameStr(request.record.table_name)) ||
            owner_of(request.parent) != owner)
            raise_table_changed(request.parent);
    });
    if (!bears_its_name(request) ||
        !is_partition(request.partition, request.parent, request.key_type, request.bounds))
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "partition " + in_quotes(NameStr(request.partition_name)) +
                           " was renamed, dropped, detached or attached again concurrently",
                       {},
                       "Call the procedure again."};
}

// Locks both tables and their schemas against being renamed, attached or detached. So the
// statement's names mean these OIDs, and the bounds are those that were checked. DETACH itself
// checks the owner's rights; this also checks that no other role's code is run as the owner.
void lock_and_verify(const WorkerRequest& request, Oid owner) {
    call([&] {
        LockRelationOid(request.parent, ShareUpdateExclusiveLock);
        LockRelationOid(request.partition, ShareUpdateExclusiveLock);
    });
    require_owner_of_tree(owner, request.partition);
    require_harmless_references(owner, request.partition);
    lock_schema_names({request.parent, request.partition});
    require_up_to_date(request, owner);
}

// May ereport.
const char* detach_statement(const WorkerRequest& request) {
    return psprintf(
        "ALTER TABLE %s DETACH PARTITION %s CONCURRENTLY",
        quote_qualified_identifier(get_namespace_name(get_rel_namespace(request.parent)),
                                   get_rel_name(request.parent)),
        quote_qualified_identifier(NameStr(request.partition_schema),
                                   NameStr(request.partition_name)));
}

// May ereport.
void execute_detach(const WorkerRequest& request, MemoryContext context) {
    MemoryContextSwitchTo(context);
    execute_top_level(detach_statement(request), CMDTAG_ALTER_TABLE);
    if (!InSecurityRestrictedOperation())
        elog(ERROR, "the second transaction of DETACH PARTITION CONCURRENTLY was not restricted");
}

struct Received {  // from the session
    Size size;
    void* data;
    shm_mq_result result;
};

// Detaches the partition. Records in the first transaction that it is being detached, and in the
// second that it is. Returns whether it has dropped the table.
bool carry_out(const WorkerRequest& request, const WorkerSettings& settings,
               MemoryContext context) {
    call([&] { begin_transaction(settings); });
    std::string path;
    with_pinned_queries([&] {
        // Waits for locks on ppm's own tables and rows before it locks anything else.
        lock_own_tables();
        record_detach(removal_of(request));
        lock_tables_of(Statement::begin_detach);
        locks_asked_for.reset();
        lock_and_verify(request, settings.owner);
        path = search_path_of(settings.owner);
    });
    owners_path = call([&] { return MemoryContextStrdup(context, path.c_str()); });
    // As in a session: the statement has the whole of its time.
    call([&] {
        disable_timeout(STATEMENT_TIMEOUT, false);
        enable_timeout_after(STATEMENT_TIMEOUT, settings.statement_timeout);
        // Nobody's code has run since the settings were pinned.
        set("search_path", owners_path);
        needs_no_flush = true;
        execute_detach(request, context);
    });
    owners_path = nullptr;
    // An event trigger may have changed settings.
    call([&] { pin_settings(settings); });
    bool is_dropped = false;
    with_pinned_queries([&] {
        require_detached(request.partition);
        is_dropped = may_drop_at_once && drop_at_once(request, settings, path);
        if (!is_dropped)
            confirm_detached(request.partition);
        write(request.record, is_dropped ? 2 : 1);
    });
    return is_dropped;
}

void end_transaction() {
    CommitTransactionCommand();
    disable_timeout(STATEMENT_TIMEOUT, false);
    debug_query_string = nullptr;
    pgstat_report_activity(STATE_IDLE, nullptr);
}

// The last transaction of CREATE INDEX CONCURRENTLY would run event triggers outside of any
// security-restricted context, in the session of a superuser who has become the owner.
void require_no_event_trigger(const std::string& statement) {
    const auto triggers =
        query(
            "SELECT evtname FROM pg_event_trigger WHERE evtenabled <> 'D' AND (evttags IS NULL OR "
            "'CREATE INDEX' = ANY (evttags)) AND evtevent LIKE 'ddl_command_%' ORDER BY evtname")
            .values<std::string>();
    if (!triggers.empty())
        throw PpmError{
            ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            "event trigger " + in_quotes(triggers.front()) +
                " would run in the middle of CREATE INDEX CONCURRENTLY",
            {},
            "Build the index yourself: " + statement + "; Then call the procedure again."};
}

// May ereport.
void require_owner(Oid table, Oid owner) {
    if (owner_of(table) != owner)
        raise_table_changed(table);
}

// The statement to execute, allocated in `context`. Takes locks that keep the table and its name as
// they are until the end of the first transaction.
const char* prepare_build(const IndexRequest& request, const WorkerSettings& settings,
                          MemoryContext context) {
    std::string statement;
    std::string path;
    with_pinned_queries([&] {
        call([&] {
            LockRelationOid(request.table, ShareUpdateExclusiveLock);
            require_owner(request.table, settings.owner);
            if (IndexGetRelation(request.index, true) != request.table)
                raise_table_changed(request.table);
        });
        lock_schema_names({request.table});
        lock_used_names({request.table});
        statement = build_statement(settings.owner, request.index, NameStr(request.key),
                                    NameStr(request.built_name));
        require_no_event_trigger(build_statement(InvalidOid, request.index, NameStr(request.key),
                                                 NameStr(request.built_name)));
        path = search_path_of(settings.owner);
    });
    owners_path = call([&] { return MemoryContextStrdup(context, path.c_str()); });
    return call([&] { return MemoryContextStrdup(context, statement.c_str()); });
}

// PostgreSQL runs the owner's code in the index as the owner, restricted (DefineIndex() in
// indexcmds.c).
void carry_out(const IndexRequest& request, const WorkerSettings& settings, MemoryContext context) {
    call([&] { begin_transaction(settings); });
    const char* const statement = prepare_build(request, settings, context);
    call([&] {
        pin_settings(settings);
        disable_timeout(STATEMENT_TIMEOUT, false);
        MemoryContextSwitchTo(context);
        execute_top_level(statement, CMDTAG_CREATE_INDEX);
    });
}

void carry_out(const ValidateRequest& request, const WorkerSettings& settings) {
    call([&] { begin_transaction(settings); });
    with_pinned_queries([&] {
        call([&] {
            LockRelationOid(request.table, ShareUpdateExclusiveLock);
            require_owner(request.table, settings.owner);
        });
        lock_schema_names({request.table});
        const std::string statement = call([&] {
            return psprintf(
                "ALTER TABLE %s VALIDATE CONSTRAINT %s",
                quote_qualified_identifier(get_namespace_name(get_rel_namespace(request.table)),
                                           get_rel_name(request.table)),
                quote_identifier(NameStr(request.constraint)));
        });
        call([] { disable_timeout(STATEMENT_TIMEOUT, false); });
        execute_once(statement);
    });
}

void carry_out(const Received& received, const WorkerSettings& settings, MemoryContext context,
               DoneMessage& done) {
    if (received.size == sizeof(ValidateRequest))
        return carry_out(*static_cast<const ValidateRequest*>(received.data), settings);
    if (received.size == sizeof(IndexRequest)) {
        builds_index = true;
        return carry_out(*static_cast<const IndexRequest*>(received.data), settings, context);
    }
    auto* const request = static_cast<WorkerRequest*>(received.data);
    // It was sent while the last one was carried out.
    if (request->is_ahead)
        request->record.begun = Deadline::Clock::now();
    current_request = request;
    done.is_dropped = carry_out(*current_request, settings, context);
}

bool is_ahead(const Received& received) {
    return received.size == sizeof(WorkerRequest) &&
           static_cast<const WorkerRequest*>(received.data)->is_ahead;
}

// Whether a request that came ahead of the answer to this one may be carried out. If others had to
// wait, they get their turn first; what was not dropped at once is dropped by the session first.
bool may_go_on_after(const Received& received, const DoneMessage& done) {
    return received.size == sizeof(WorkerRequest) &&
           done.is_dropped == static_cast<const WorkerRequest*>(received.data)->drops_at_once &&
           done.others_waited == std::chrono::microseconds::zero();
}

// Carries out one request, and answers. Returns whether a request that is ahead may come next.
bool serve(const Received& received, const WorkerSettings& settings, shm_mq_handle* answers,
           MemoryContext context) {
    current_settings = &settings;
    bool may_go_on = false;
    try {
        DoneMessage done;
        // Turns ppm's own errors into PostgreSQL's, too, so that they can be sent.
        {
            const DeadlockWatch watch{settings.check_interval};
            call([&] { boundary([&] { carry_out(received, settings, context, done); }); });
        }
        call(end_transaction);
        if (locks_asked_for)
            done.others_waited = std::chrono::ceil<std::chrono::microseconds>(
                Deadline::Clock::now() - *locks_asked_for);
        may_go_on = may_go_on_after(received, done);
        call([&] { send(answers, sizeof(done), &done); });
    } catch (const PostgresError& error) {
        call([] {
            disable_timeout(STATEMENT_TIMEOUT, false);
            AbortCurrentTransaction();
            debug_query_string = nullptr;
            pgstat_report_activity(STATE_IDLE, nullptr);
        });
        if (error.is_cancel())
            call([&] { send(answers, sizeof(cancelled_type), &cancelled_type); });
        report(error);
    }
    owners_path = nullptr;
    current_request = nullptr;
    builds_index = false;
    needs_no_flush = false;
    MemoryContextReset(context);
    return may_go_on;
}

void skip(shm_mq_handle* answers) {
    DoneMessage skipped;
    skipped.is_skipped = true;
    call([&] { send(answers, sizeof(skipped), &skipped); });
}

void work(Datum argument) {
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
        shm_toc* const contents = shm_toc_attach(worker_magic(), dsm_segment_address(segment));
        // A session keeps the library that it has loaded; a worker loads the current one.
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
        next_hook = object_access_hook;
        object_access_hook = on_object_access;
        return AllocSetContextCreateInternal(TopMemoryContext, "ppm worker",
                                             ALLOCSET_DEFAULT_SIZES);
    });

    bool may_go_on = false;
    while (true) {
        const Received received = call([requests] {
            Received result{};
            result.result = shm_mq_receive(requests, &result.size, &result.data, false);
            return result;
        });
        if (received.result != SHM_MQ_SUCCESS ||
            (received.size != sizeof(WorkerRequest) && received.size != sizeof(IndexRequest) &&
             received.size != sizeof(ValidateRequest)))
            return;
        if (is_ahead(received) && !may_go_on)
            skip(answers);
        else
            may_go_on = serve(received, settings, answers, context);
    }
}

}  // namespace

}  // namespace ppm

void ppm_worker_main(Datum argument) {
    ppm::boundary([argument] { ppm::work(argument); });
}
