#include "pg/schedule/launcher.hpp"

#include "core/schedule/schedule.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/sqlstate.hpp"
#include "pg/catalog/time_zone.hpp"
#include "pg/run/report.hpp"
#include "pg/schedule/databases.hpp"
#include "pg/schedule/visit.hpp"

extern "C" {
PGDLLEXPORT void ppm_launcher_main(Datum argument);
}

namespace ppm {

namespace {

// The longest time until a new or dropped database is noticed.
constexpr std::chrono::minutes longest_sleep{1};

// Looking and recording take milliseconds, and some timeouts at most. Only the connection may take
// longer: it waits for whoever renames or copies the database.
constexpr std::chrono::seconds longest_look{30};

// Whether run_all() has recorded the failure itself: ppm's own, except for an invalid work date.
bool is_recorded(int sqlstate) {
    return sqlstate != errcode_invalid_work_date && sqlstate_text(sqlstate).starts_with("PM");
}

AfterThat end_late_look(Oid database) {
    ereport(LOG, (errmsg("a background worker of ppm could not look into the database with OID %u "
                         "in time",
                         database),
                  errdetail("The worker is terminated. The database is tried again later.")));
    return AfterThat::end;
}

AfterThat say_late_call(Oid database) {
    ereport(LOG, (errmsg("a scheduled run takes longer than ppm.schedule_interval"),
                  errdetail("It is at work in the database with OID %u. ppm.run_all() is called "
                            "in no other database until it ends.",
                            database),
                  errhint("Look for \"ppm scheduled run\" in pg_stat_activity.")));
    return AfterThat::go_on;
}

// The last message about each problem, so that it is logged only once.
class Complaints {
  public:
    // Logs the complaint unless it is the last one about the same thing; returns whether it did.
    bool say(const std::string& about, const std::string& prefix, const Complaint& complaint) {
        const std::string text =
            prefix + complaint.message + "\n" + complaint.detail + "\n" + complaint.hint;
        std::string& said = said_[about];
        if (said == text)
            return false;
        said = text;
        try {
            call([&] {
                ereport(ERROR,
                        (errcode(complaint.sqlstate),
                         errmsg_internal("%s%s", prefix.c_str(), complaint.message),
                         *complaint.detail != '\0' ? errdetail_internal("%s", complaint.detail) : 0,
                         *complaint.hint != '\0' ? errhint("%s", complaint.hint) : 0));
            });
        } catch (const PostgresError& error) {
            report(error);
        }
        return true;
    }

    bool say(const std::string& about, int sqlstate, const std::string& message,
             const std::string& hint) {
        Complaint complaint{};
        set_text(complaint, sqlstate, message.c_str(), "", hint.c_str());
        return say(about, "", complaint);
    }

    // The problem is over; returns whether there was one.
    bool end(const std::string& about) { return said_.erase(about) > 0; }

    template <typename IsOver>
    void forget(IsOver is_over) {
        std::erase_if(said_, [&](const auto& entry) { return is_over(entry.first); });
    }

  private:
    std::map<std::string, std::string> said_;
};

class Launcher {
  public:
    // Until the process is ended.
    [[noreturn]] void run() {
        while (true) {
            call([&] { attend(); });
            read_databases();
            publish_times();
            if (const auto database = schedule_.due(Deadline::Clock::now()))
                visit(*database);
            else
                sleep();
        }
    }

  private:
    // May ereport.
    void attend() {
        attend_to_signals();
        if (!ConfigReloadPending)
            return;
        ConfigReloadPending = false;
        ProcessConfigFile(PGC_SIGHUP);
        is_reloaded_ = true;
    }

    // May ereport.
    static void wait(long milliseconds) {
        WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (milliseconds < 0 ? 0 : WL_TIMEOUT),
                  milliseconds, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
    }

    void sleep() {
        const auto until = schedule_.next();
        const auto left = until ? *until - Deadline::Clock::now() : longest_sleep;
        // The launcher must cost nothing if there are no scheduled databases.
        const int longest = schedule_databases().empty()
                                ? -1
                                : Deadline{std::chrono::milliseconds{longest_sleep}}.left();
        const int milliseconds =
            longest < 0
                ? -1
                : std::min(longest,
                           Deadline{std::chrono::ceil<std::chrono::milliseconds>(left)}.left());
        call([=] { wait(milliseconds); });
    }

    void read_databases() {
        const std::vector<std::string> wanted = schedule_databases();
        databases_.clear();
        std::set<std::string> known;
        if (!wanted.empty())
            for (Database& database : all_databases()) {
                known.insert(database.name);
                if (is_scheduled(database, wanted))
                    databases_.emplace(database.oid, std::move(database));
            }
        for (const std::string& name : wanted)
            if (name != "*" && !known.contains(name))
                complaints_.say(
                    name, ERRCODE_UNDEFINED_DATABASE,
                    "database \"" + name + "\" of ppm.schedule_databases does not exist",
                    "Write each name as it is in pg_database.");
        complaints_.forget([&](const std::string& name) {
            return !name.empty() && std::ranges::find(wanted, name) == wanted.end() &&
                   std::ranges::none_of(databases_,
                                        [&](const auto& each) { return each.second.name == name; });
        });
        std::set<Schedule::Database> oids;
        for (const auto& [oid, database] : databases_)
            oids.insert(oid);
        schedule_.set(oids, schedule_interval(), Deadline::Clock::now());
        if (std::exchange(is_reloaded_, false))
            schedule_.begin_anew(Deadline::Clock::now());
    }

    // `*` leaves templates alone: a session in one keeps others from copying it.
    bool is_scheduled(const Database& database, const std::vector<std::string>& wanted) {
        const bool is_named = std::ranges::find(wanted, database.name) != wanted.end();
        if (is_named && !database.allows_connections)
            complaints_.say(database.name, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                            "database \"" + database.name +
                                "\" of ppm.schedule_databases does not allow connections",
                            "Allow connections to it, or remove it from the list.");
        return database.allows_connections &&
               (is_named ||
                (!database.is_template && std::ranges::find(wanted, "*") != wanted.end()));
    }

    void publish_times() const {
        const auto now = Deadline::Clock::now();
        const Instant clock = to_instant(GetCurrentTimestamp());
        std::map<Oid, TimestampTz> times;
        for (const auto& [database, time] : schedule_.times())
            times.emplace(database, to_stored(clock + std::chrono::floor<std::chrono::microseconds>(
                                                          std::max(time, now) - now)));
        publish(times);
    }

    void visit(Oid oid) {
        const Database database = databases_.at(oid);
        Visit visit{};
        visit.kind = Visit::Kind::look;
        visit.database = oid;
        strlcpy(NameStr(visit.role_name), schedule_role(), NAMEDATALEN);
        const VisitResult found = carry_out(visit, longest_look, end_late_look);
        const auto now = Deadline::Clock::now();
        switch (found.kind) {
            case VisitResult::Kind::no_extension:
                return have_no_extension(database);
            case VisitResult::Kind::busy:
                return schedule_.postpone(oid, now);
            case VisitResult::Kind::found:
                break;
            default:
                return fail(database, found);
        }
        const auto last_call =
            found.has_last_call ? std::optional{to_instant(found.last_call)} : std::nullopt;
        if (schedule_.is_call_due(oid, last_call, to_instant(GetCurrentTimestamp()), now))
            call_run_all(database, found.role);
    }

    // A database that only `*` stands for need not have the extension.
    void have_no_extension(const Database& database) {
        const auto wanted = schedule_databases();
        if (std::ranges::find(wanted, database.name) == wanted.end())
            return schedule_.skip(database.oid, Deadline::Clock::now());
        complaints_.say(database.name, ERRCODE_UNDEFINED_OBJECT,
                        "database \"" + database.name +
                            R"(" of ppm.schedule_databases does not have extension "ppm")",
                        "Run CREATE EXTENSION ppm in that database, or remove it from the list.");
        schedule_.postpone(database.oid, Deadline::Clock::now());
    }

    void call_run_all(const Database& database, Oid role) {
        Visit visit{};
        visit.kind = Visit::Kind::call;
        visit.database = database.oid;
        visit.role = role;
        const auto begun = Deadline::Clock::now();
        const VisitResult finding = carry_out(visit, schedule_interval(), say_late_call);
        const auto ended = Deadline::Clock::now();
        if (finding.kind == VisitResult::Kind::done) {
            complaints_.end({});
            if (complaints_.end(database.name))
                call([&] {
                    ereport(LOG, (errmsg("scheduled run in database \"%s\" succeeds again",
                                         database.name.c_str())));
                });
        } else if (finding.kind != VisitResult::Kind::failed ||
                   !is_recorded(finding.failure.sqlstate)) {
            return fail(database, finding);
        } else {
            complaints_.say(database.name, prefix(database), finding.failure);
        }
        schedule_.called(database.oid, begun, ended, to_instant(GetCurrentTimestamp()));
    }

    static std::string prefix(const Database& database) {
        return "scheduled run in database \"" + database.name + "\" failed: ";
    }

    // The database could not be called.
    void fail(const Database& database, const VisitResult& finding) {
        schedule_.postpone(database.oid, Deadline::Clock::now());
        if (finding.kind == VisitResult::Kind::no_worker) {
            complaints_.say({}, ERRCODE_INSUFFICIENT_RESOURCES,
                            "no background worker is free for the scheduled runs of ppm",
                            "Increase max_worker_processes.");
            return;
        }
        Visit visit{};
        visit.kind = Visit::Kind::record;
        visit.database = database.oid;
        visit.failure = finding.failure;
        if (finding.kind == VisitResult::Kind::none)
            set_text(visit.failure, ERRCODE_CONNECTION_FAILURE,
                     "the background worker has ended unexpectedly", "",
                     "The server's log might say why.");
        if (complaints_.say(database.name, prefix(database), visit.failure))
            carry_out(visit, longest_look, end_late_look);
    }

    Schedule schedule_;
    std::map<Oid, Database> databases_;  // the scheduled ones
    Complaints complaints_;              // about databases, by name; about workers, without one
    bool is_reloaded_ = false;
};

void hide_times(int, Datum) {
    publish({});
}

}  // namespace

void register_launcher() {
    BackgroundWorker worker{};
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    // On a standby the launcher starts when it is promoted.
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = 10;
    strlcpy(worker.bgw_library_name, "$libdir/ppm", sizeof(worker.bgw_library_name));
    strlcpy(worker.bgw_function_name, "ppm_launcher_main", sizeof(worker.bgw_function_name));
    strlcpy(worker.bgw_name, "ppm launcher", sizeof(worker.bgw_name));
    strlcpy(worker.bgw_type, "ppm launcher", sizeof(worker.bgw_type));
    RegisterBackgroundWorker(&worker);
}

}  // namespace ppm

void ppm_launcher_main(Datum) {
    ppm::boundary([] {
        ppm::call([] {
            pqsignal(SIGTERM, die);
            pqsignal(SIGHUP, SignalHandlerForConfigReload);
            // SIGINT would end the process, but that is what SIGTERM is for.
            ppm::ignore_signal(SIGINT);
            BackgroundWorkerUnblockSignals();
            // Connects to no database, so that the launcher does not block DROP DATABASE.
            BackgroundWorkerInitializeConnectionByOid(InvalidOid, InvalidOid, 0);
            before_shmem_exit(ppm::hide_times, Datum{});
        });
        ppm::Launcher{}.run();
    });
}
