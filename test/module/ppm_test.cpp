// Raises errors in every layer of the boundary and counts what they leave behind, for
// test/t/001_boundary.pl; and a table access method whose rows a scan does not find, for
// test/t/200_rows_elsewhere.pl.
#include <malloc.h>

#include "pg/bridge/guard.hpp"
#include "pg/bridge/scope.hpp"

extern "C" {
#include "catalog/pg_authid.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(ppm_test_raise);
PG_FUNCTION_INFO_V1(ppm_test_survive);
PG_FUNCTION_INFO_V1(ppm_test_nested);
PG_FUNCTION_INFO_V1(ppm_test_state);
PG_FUNCTION_INFO_V1(ppm_test_line);
PG_FUNCTION_INFO_V1(ppm_test_memory);
PG_FUNCTION_INFO_V1(ppm_test_timeout);
PG_FUNCTION_INFO_V1(ppm_test_late_timeout);
PG_FUNCTION_INFO_V1(ppm_test_worker);
PG_FUNCTION_INFO_V1(ppm_test_hiding_heap);
}

namespace {

// A C++ object on the way of an error: the count of those alive shows whether destructors ran.
class Witness {
  public:
    Witness() { ++alive; }
    ~Witness() { --alive; }
    Witness(const Witness&) = delete;
    Witness& operator=(const Witness&) = delete;

    static inline int alive = 0;

  private:
    std::string memory_ = std::string(1000, 'x');
};

constexpr int errcode_test = MAKE_SQLSTATE('P', 'M', '9', '9', '9');
constexpr int raise_line = __LINE__ + 3;  // where the error is made
[[noreturn]] void raise_ppm_error() {
    const Witness witness;
    throw ppm::PpmError{errcode_test, "raised by C++", "Its detail.", "Its hint."};
}

[[noreturn]] void raise_postgres_error() {
    const Witness witness;
    ppm::call([] {
        // What an error finds open: memory, a pinned relation, a lock, an active snapshot.
        palloc(10000);
        LockRelationOid(RelationRelationId, AccessShareLock);
        PushActiveSnapshot(GetLatestSnapshot());
        ereport(ERROR, (errcode(ERRCODE_DIVISION_BY_ZERO), errmsg("raised by PostgreSQL"),
                        errdetail("Its detail."), errhint("Its hint."), errcontext("its context"),
                        err_generic_string(PG_DIAG_TABLE_NAME, "its table")));
    });
    std::abort();
}

void raise_in(const std::string& layer) {
    const Witness witness;
    if (layer == "call")
        raise_postgres_error();
    if (layer == "exception")
        raise_ppm_error();
    if (layer == "standard")
        throw std::runtime_error{"raised by the standard library"};
    if (layer == "memory")
        throw std::bad_alloc{};
    if (layer == "unknown")
        throw 42;
    if (layer == "subtransaction") {
        ppm::Subtransaction subtransaction;
        raise_postgres_error();
    }
    if (layer == "user") {
        const ppm::UserContext user{BOOTSTRAP_SUPERUSERID};
        raise_postgres_error();
    }
    if (layer == "settings") {
        ppm::LocalSettings settings;
        settings.set("search_path", "pg_temp");
        settings.set("work_mem", "not a size");
    }
    if (layer == "timeout") {
        const ppm::StatementTimeout timeout{100000};
        raise_ppm_error();
    }
    if (layer == "statement_timeout") {
        const ppm::StatementTimeout timeout{1};
        ppm::call([] { DirectFunctionCall1(pg_sleep, Float8GetDatum(60)); });
    }
    if (layer == "lock") {
        ppm::Subtransaction subtransaction;
        const ppm::AdvisoryLock lock{RelationRelationId, ppm::AdvisoryLock::Lifetime::scope};
        raise_postgres_error();
    }
    if (layer == "destructor")
        ppm::call_in_destructor([] { ereport(ERROR, (errmsg("raised by PostgreSQL"))); });
    if (layer == "exception_in_destructor")
        ppm::call_in_destructor([] { raise_ppm_error(); });
    if (layer == "work_memory") {
        const ppm::WorkMemory memory{"ppm test"};
        raise_postgres_error();
    }
    if (layer == "everything") {
        ppm::Subtransaction subtransaction;
        ppm::LocalSettings settings;
        settings.set("search_path", "pg_temp");
        const ppm::StatementTimeout timeout{100000};
        const ppm::AdvisoryLock lock{RelationRelationId, ppm::AdvisoryLock::Lifetime::scope};
        const ppm::UserContext user{BOOTSTRAP_SUPERUSERID};
        const ppm::WorkMemory memory{"ppm test"};
        raise_postgres_error();
    }
    throw ppm::PpmError{ERRCODE_INVALID_PARAMETER_VALUE, "no layer \"" + layer + "\""};
}

std::string text_argument(FunctionCallInfo fcinfo) {
    return ppm::call([=] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); });
}

// What must be the same before and after.
struct State {
    sigjmp_buf* exception_stack = PG_exception_stack;
    ErrorContextCallback* callbacks = error_context_stack;
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    Oid user = InvalidOid;
    int security_context = 0;
    int nest_level = GetCurrentTransactionNestLevel();
    bool timeout = get_timeout_active(STATEMENT_TIMEOUT);
    bool snapshot = ActiveSnapshotSet();
    int alive = Witness::alive;
    std::string search_path = GetConfigOption("search_path", false, false);

    State() { GetUserIdAndSecContext(&user, &security_context); }
    bool operator==(const State&) const = default;
};

}  // namespace

// raise(layer text): lets the error out.
Datum ppm_test_raise(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        raise_in(text_argument(fcinfo));
        return Datum{};
    });
}

// survive(layer text, rounds int) returns int: catches the error again and again inside one call,
// each time in a subtransaction, and counts the rounds after which the session's state was not what
// it was.
Datum ppm_test_survive(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        const std::string layer = text_argument(fcinfo);
        int changed = 0;
        for (int round = 0; round < PG_GETARG_INT32(1); ++round) {
            const State before;
            try {
                ppm::Subtransaction subtransaction;
                raise_in(layer);
            } catch (const ppm::Error& error) {
                if (error.sqlstate() == ERRCODE_INVALID_PARAMETER_VALUE &&
                    error.message().starts_with("no layer"))
                    throw;
            } catch (...) {
            }
            changed += before == State{} ? 0 : 1;
        }
        return Int32GetDatum(changed);
    });
}

// nested(layer text): an error that crosses PostgreSQL's frames twice, C++ within PostgreSQL within
// C++.
Datum ppm_test_nested(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        const Witness witness;
        const Datum layer = PG_GETARG_DATUM(0);
        return ppm::call([=] { return DirectFunctionCall1(ppm_test_raise, layer); });
    });
}

// state() returns text: the same text whenever the session is in the same state.
Datum ppm_test_state(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        (void)fcinfo;
        const State state;
        const std::string description =
            "nest level " + std::to_string(state.nest_level) + ", user " +
            std::to_string(state.user) + ", security context " +
            std::to_string(state.security_context) + ", timeout " + std::to_string(state.timeout) +
            ", witnesses " + std::to_string(state.alive) + ", search_path " + state.search_path;
        return ppm::call([&] { return CStringGetTextDatum(description.c_str()); });
    });
}

// line() returns int: where raise('exception') raises.
Datum ppm_test_line(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    return Int32GetDatum(raise_line);
}

// memory() returns bigint: bytes that malloc has given out.
Datum ppm_test_memory(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    return Int64GetDatum(static_cast<int64>(mallinfo2().uordblks));
}

// timeout(milliseconds int, sleep float8): sleeps under a statement timeout of its own.
Datum ppm_test_timeout(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        const ppm::StatementTimeout timeout{PG_GETARG_INT32(0)};
        const Datum sleep = PG_GETARG_DATUM(1);
        ppm::call([=] { DirectFunctionCall1(pg_sleep, sleep); });
        return Datum{};
    });
}

// late_timeout(): has a statement timeout that fires when nothing looks at it any more.
Datum ppm_test_late_timeout(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        (void)fcinfo;
        const ppm::StatementTimeout timeout{10};
        while (!get_timeout_indicator(STATEMENT_TIMEOUT, false))
            pg_usleep(1000);
        return Datum{};
    });
}

// worker(): starts ppm's worker with shared memory that is gone already, and waits until the worker
// has ended.
Datum ppm_test_worker(PG_FUNCTION_ARGS) {
    return ppm::boundary([fcinfo]() -> Datum {
        (void)fcinfo;
        ppm::call([] {
            dsm_segment* const segment = dsm_create(1024, 0);
            BackgroundWorker worker{};
            worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
            worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
            worker.bgw_restart_time = BGW_NEVER_RESTART;
            strlcpy(worker.bgw_library_name, "$libdir/ppm", sizeof(worker.bgw_library_name));
            strlcpy(worker.bgw_function_name, "ppm_worker_main", sizeof(worker.bgw_function_name));
            strlcpy(worker.bgw_name, "ppm worker", sizeof(worker.bgw_name));
            worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
            worker.bgw_notify_pid = MyProcPid;
            dsm_detach(segment);
            BackgroundWorkerHandle* handle = nullptr;
            if (!RegisterDynamicBackgroundWorker(&worker, &handle))
                elog(ERROR, "no background worker is free");
            WaitForBackgroundWorkerShutdown(handle);
        });
        return Datum{};
    });
}

// hiding_heap(internal) returns table_am_handler: a heap that keeps its rows to itself.
Datum ppm_test_hiding_heap(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    static TableAmRoutine routine;
    routine = *GetHeapamTableAmRoutine();
    routine.scan_getnextslot = [](TableScanDesc, ScanDirection, TupleTableSlot*) { return false; };
    return PointerGetDatum(&routine);
}
