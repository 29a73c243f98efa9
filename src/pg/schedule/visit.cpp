#include "pg/schedule/visit.hpp"

namespace ppm {

namespace {

// The current worker.
BackgroundWorkerHandle* current = nullptr;

void end_current(int, Datum) {
    if (current != nullptr)
        TerminateBackgroundWorker(current);
}

// May ereport.
bool start(int number) {
    BackgroundWorker worker{};
    worker.bgw_flags =
        BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION | interruptible_worker;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_library_name, "$libdir/ppm", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "ppm_scheduled_main", sizeof(worker.bgw_function_name));
    strlcpy(worker.bgw_name, "ppm scheduled run", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "ppm scheduled run", sizeof(worker.bgw_type));
    worker.bgw_main_arg = Int32GetDatum(number);
    worker.bgw_notify_pid = MyProcPid;
    const MemoryContext before = MemoryContextSwitchTo(TopMemoryContext);
    const bool is_started = RegisterDynamicBackgroundWorker(&worker, &current);
    MemoryContextSwitchTo(before);
    return is_started;
}

// May ereport.
void wait_for_end(Oid database, std::chrono::milliseconds expected, Late late) {
    const Deadline deadline{expected};
    bool is_late = false;
    for (pid_t pid = 0; GetBackgroundWorkerPid(current, &pid) != BGWH_STOPPED;) {
        if (!is_late && deadline.has_passed()) {
            is_late = true;
            if (late(database) == AfterThat::end)
                TerminateBackgroundWorker(current);
        }
        // The postmaster sets the latch when the worker ends. Looking now and then costs little.
        WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                  is_late ? 10000 : std::clamp(deadline.left(), 1, 10000), PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        attend_to_signals();
    }
}

}  // namespace

void attend_to_signals() {
    // Ends without a message: the server is stopped every day.
    if (ProcDiePending)
        proc_exit(1);
    CHECK_FOR_INTERRUPTS();
}

VisitResult carry_out(const Visit& visit, std::chrono::milliseconds expected, Late late) {
    static bool is_registered = false;
    SharedSchedule& shared = *shared_schedule();
    shared.visit = visit;
    shared.finding = {};
    ++shared.visit_number;
    call([&] {
        if (!is_registered)
            before_shmem_exit(end_current, Datum{});
        is_registered = true;
        if (!start(shared.visit_number))
            return;
        shared.finding.kind = VisitResult::Kind::none;
        wait_for_end(visit.database, expected, late);
        pfree(current);
        current = nullptr;
    });
    return shared.finding;
}

}  // namespace ppm
