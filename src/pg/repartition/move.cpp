#include "pg/repartition/move.hpp"

#include "core/text.hpp"
#include "pg/bridge/messages.hpp"
#include "pg/bridge/sqlstate.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/effects.hpp"
#include "pg/records/history.hpp"
#include "pg/records/ledger.hpp"
#include "pg/repartition/abandon.hpp"
#include "pg/repartition/capture.hpp"
#include "pg/repartition/copy.hpp"
#include "pg/repartition/default_check.hpp"
#include "pg/repartition/patience.hpp"
#include "pg/repartition/refusals.hpp"
#include "pg/repartition/swap.hpp"
#include "pg/repartition/targets.hpp"
#include "pg/repartition/wait.hpp"
#include "pg/repartition/without_key.hpp"
#include "pg/run/report.hpp"
#include "pg/run/run_lock.hpp"

namespace ppm {

namespace {

// How many times the swap tries to get its locks.
constexpr int swap_attempts = 20;

// How many times a move begins, if it has to begin again.
constexpr int beginnings = 3;

// The most replays until one is quick; and the most last ones, which run under a lock.
constexpr int max_replays = 50;
constexpr int last_replays = 10;

class Move {
  public:
    Move(Session& session, History& history, ManagedParent managed,
         const std::optional<std::string>& from, const std::optional<std::string>& to)
        : session_{session},
          history_{history},
          managed_{std::move(managed)},
          from_{from},
          to_{to} {}

    // Throws MustBeginAnew.
    void run() {
        auto job = session_.read([&] { return read_job(parent(), key_type()); });
        if (job) {
            require_same_range(*job);
            require_logged(*job);
        } else {
            const MoveRange range = session_.read([&] { return range_of_arguments(); });
            const MovePlan plan =
                session_.read([&] { return plan_move(managed_, Clock{}, range); });
            if (plan.empty())
                return announce("no row of table " + name() + " has to be moved");
            if (!session_.read([&] { return matching_key(parent()).has_value(); }))
                return move_without_key(session_, history_, managed_, plan);
            job = begin(plan, range);
        }
        job_ = *std::move(job);
        session_.read([&] {
            require_movable(managed_, job_.source_partitions());
            key_ = require_matching_key(managed_);
            if (key_.columns != job_.key_columns)
                throw MustBeginAnew{"the key of the table was altered concurrently"};
            return true;
        });
        go_on();
    }

  private:
    Oid parent() const { return managed_.parent.table->relation; }
    KeyType key_type() const { return *managed_.parent.table->key_type; }
    std::string name() const { return in_quotes(managed_.parent.configuration.qualified_name()); }

    void require_same_range(const Job& job) const {
        const auto text = [&](const std::optional<std::string>& value) {
            return value ? std::optional{bound_text(bound_of_text(*value, key_type()), key_type(),
                                                    *managed_.zone)}
                         : std::nullopt;
        };
        if ((!from_ && !to_) || (text(from_) == job.from && text(to_) == job.to))
            return;
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "another range of table " + name() + " is being moved",
                       {},
                       "CALL ppm.repartition() without a range continues that move, CALL "
                       "ppm.abandon() undoes it."};
    }

    // A crash empties UNLOGGED tables, and nothing tells afterwards how many rows were there.
    void require_logged(const Job& job) const {
        std::vector<Oid> tables = job.source_relations();
        std::ranges::copy(job.target_relations(), std::back_inserter(tables));
        const bool is_logged = session_.read([&] {
            return query("SELECT FROM pg_class WHERE oid = ANY ($1) AND relpersistence = 'u'",
                         {oid_array_parameter(tables)})
                       .count() == 0;
        });
        if (!is_logged)
            throw MustBeginAnew{"it has UNLOGGED tables, which may have lost rows in a crash"};
    }

    MoveRange range_of_arguments() const {
        MoveRange range;
        if (from_)
            range.from = bound_of_argument("from_value", *from_);
        if (to_)
            range.to = bound_of_argument("to_value", *to_);
        if (range.from && range.to && *range.from >= *range.to)
            throw PpmError{ERRCODE_INVALID_PARAMETER_VALUE, "from_value must be less than to_value",
                           "from_value is " + in_quotes(*from_) + ", and to_value is " +
                               in_quotes(*to_) + "."};
        return range;
    }

    Bound bound_of_argument(const char* argument, const std::string& value) const {
        try {
            return bound_of_text(value, key_type());
        } catch (const PostgresError& error) {
            if (ERRCODE_TO_CATEGORY(error.sqlstate()) != ERRCODE_DATA_EXCEPTION)
                throw;
            throw PpmError{error.sqlstate(),
                           "invalid value for " + std::string{argument} + ": " + in_quotes(value),
                           "It is not a value of the partition key of table " + name() +
                               ", which is of type " + managed_.parent.table->key_type_name + "."};
        }
    }

    Job begin(const MovePlan& plan, const MoveRange& range) {
        Job job{};
        session_.step([&] {
            job = job_of(plan, range);
            std::vector<Partition> all;
            for (const JobSource& each : job.sources)
                all.push_back(each.partition);
            require_movable(managed_, all);
            const MatchingKey key = require_matching_key(managed_);
            require_short_swap(managed_, job.targets.size(), job.sources.size());
            job.key_columns = key.columns;
            write_job(managed_, job);
            create_log(managed_, job, key);
        });
        return job;
    }

    Job job_of(const MovePlan& plan, const MoveRange& range) const {
        Job job{};
        job.parent = parent();
        job.phase = MovePhase::preparing;
        const auto text = [&](const std::optional<Bound>& bound) {
            return bound ? std::optional{bound_text(*bound, key_type(), *managed_.zone)}
                         : std::nullopt;
        };
        job.from = text(range.from);
        job.to = text(range.to);
        job.version = version_of_parent(parent());
        for (const Partition& each : plan.sources)
            job.sources.push_back({each, false, {}});
        if (plan.from_default)
            job.sources.push_back({*managed_.parent.default_partition, true, {}});
        for (const MoveTarget& each : plan.targets)
            job.targets.push_back({static_cast<int>(job.targets.size()) + 1, each.name, each.bounds,
                                   false, InvalidOid, InvalidOid, false});
        if (plan.from_default) {
            job.targets.push_back({static_cast<int>(job.targets.size()) + 1,
                                   managed_.parent.default_partition->name,
                                   {Bound::min_value(), Bound::max_value()},
                                   true,
                                   InvalidOid,
                                   InvalidOid,
                                   false});
            job.default_condition = default_condition(managed_, job);
        }
        for (const JobSource& each : job.sources)
            job.rows_estimated += estimated_rows(each.partition.relation);
        return job;
    }

    void go_on() {
        try {
            go_through_phases();
        } catch (const PostgresError& error) {
            // A row of a range whose partition went in the meantime fits no new table.
            if (error.sqlstate() == ERRCODE_CHECK_VIOLATION && !default_check_fits(session_, job_))
                throw MustBeginAnew{"partitions were removed concurrently"};
            throw;
        }
    }

    // Each phase leads to the next.
    void go_through_phases() {
        if (job_.phase == MovePhase::preparing)
            prepare();
        if (job_.phase == MovePhase::copying)
            copy();
        if (job_.phase == MovePhase::indexing)
            index();
        if (job_.phase == MovePhase::replaying)
            replay_all();
        if (job_.phase == MovePhase::waiting)
            finish();
    }

    void enter(MovePhase phase) {
        set_phase(job_, phase);
        job_.phase = phase;
    }

    void prepare() {
        for (JobTarget& target : job_.targets)
            if (!OidIsValid(target.relation))
                step_with_patience(session_, [&] { create_target(managed_, job_, target, key_); });
        step_with_patience(session_, [&] {
            Job job = job_;
            lock_sources(managed_, job);
            require_trustworthy(managed_, job);
            set_capture(managed_, job, Capture::log);
            set_phase(job, MovePhase::copying);
            job.phase = MovePhase::copying;
            job_ = std::move(job);
        });
    }

    void copy() {
        for (JobSource& source : job_.sources) {
            double density = density_of(source);
            while (source.next_block < source.blocks) {
                const auto blocks = static_cast<std::int64_t>(
                    std::clamp(batch_rows() / std::max(density, 0.01), 1.0, 1e6));
                const std::int64_t before = source.next_block;
                std::int64_t rows = 0;
                keep_foreign_keys_quiet();
                step_with_patience(session_,
                                   [&] { rows = copy_blocks(managed_, job_, source, blocks); });
                const auto read = static_cast<double>(source.next_block - before);
                density = (density + static_cast<double>(rows) / read) / 2;
                note_progress(rows);
                if (batch_pause() > 0)
                    session_.pause(std::chrono::milliseconds{batch_pause()});
            }
        }
        // Rows were copied at different times, so a value that moved to another row may be there
        // twice. The unique indexes are built next; after a replay all rows are from one snapshot.
        replay_once();
        session_.step([&] { enter(MovePhase::indexing); });
    }

    // Rows in a block, about.
    double density_of(const JobSource& source) const {
        const auto rows = static_cast<double>(
            session_.read([&] { return estimated_rows(source.partition.relation); }));
        constexpr double otherwise = 100;
        return rows > 0 && source.blocks > 0 ? rows / static_cast<double>(source.blocks)
                                             : otherwise;
    }

    void note_progress(std::int64_t rows) {
        constexpr std::int64_t parts = 10;
        if (job_.rows_estimated <= 0)
            return;
        const std::int64_t before = job_.rows_done * parts / job_.rows_estimated;
        job_.rows_done += rows;
        const std::int64_t now = job_.rows_done * parts / job_.rows_estimated;
        if (now > before && now <= parts)
            announce("copied " + std::to_string(now * 100 / parts) + " % of about " +
                     std::to_string(job_.rows_estimated) + " rows of table " + name());
    }

    void index() {
        for (JobTarget& target : job_.targets)
            if (!target.indexed) {
                keep_foreign_keys_quiet();
                step_with_patience(session_, [&] {
                    complete_target(managed_, target, key_);
                    target.indexed = true;
                    set_target(job_, target);
                });
            }
        session_.step([&] { enter(MovePhase::replaying); });
    }

    void replay_all() {
        for (int i = 0; i < max_replays && !is_nearly_up_to_date(); ++i)
            ;
        for (int attempt = 1; attempt <= last_replays; ++attempt) {
            if (replay_last())
                return;
            session_.leave_room(time_for_last_replay());
            replay_once();
        }
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "rows of table " + name() +
                           " are written faster than they can be copied again within "
                           "ppm.lock_timeout",
                       "Until the last of them are copied, writers have to wait.",
                       "Call the procedure again when less is written, or raise "
                       "ppm.lock_timeout for it."};
    }

    // Writers wait meanwhile, so the time is limited. Returns false if it was not enough.
    bool replay_last() {
        try {
            step_with_patience(session_, [&] {
                Job job = job_;
                const Deadline deadline{time_for_last_replay()};
                lock_sources(managed_, job);
                replay(managed_, job, key_, deadline);
                set_capture(managed_, job, Capture::write_through);
                set_phase(job, MovePhase::waiting);
                job.phase = MovePhase::waiting;
                job_ = std::move(job);
            });
            return true;
        } catch (const Error& error) {
            if (!is_timeout(error))
                throw;
        }
        return false;
    }

    void replay_once() {
        keep_foreign_keys_quiet();
        // The transaction may already have a snapshot, and a replay needs a new one.
        session_.step([] {});
        step_with_patience(session_, [&] { replay(managed_, job_, key_); });
    }

    // With the wait for the lock.
    static std::chrono::milliseconds time_for_last_replay() {
        return std::chrono::milliseconds{lock_timeout()};
    }

    // The last replay, under a lock, takes about as long as the one before it.
    bool is_nearly_up_to_date() {
        const auto begun = Deadline::Clock::now();
        replay_once();
        return Deadline::Clock::now() - begun < time_for_last_replay() / 2;
    }

    // While the targets have rows and are no partitions yet, their foreign keys must not make a
    // DELETE in the referenced table fail.
    void keep_foreign_keys_quiet(int attempts = usual_attempts) {
        step_with_patience(
            session_, [&] { disable_new_foreign_key_triggers(job_.target_relations()); }, attempts);
    }

    // Writers must not pay any longer for a move that begins again anyway.
    void look_after_writers() {
        try {
            keep_foreign_keys_quiet(1);
        } catch (const Error& error) {
            // There is a next time.
            if (!is_passing(error))
                throw;
        }
        if (const auto reason = session_.read([&] { return broken_reason(parent()); }))
            throw MustBeginAnew{*reason};
    }

    void finish() {
        wait_for_snapshots_of_others(session_, [&] { look_after_writers(); });
        const Counts counts = session_.read([&] { return count_rows(managed_, job_); });
        if (counts.sources != counts.targets) {
            if (!default_check_fits(session_, job_))
                throw MustBeginAnew{"partitions were removed concurrently"};
            throw PpmError{ERRCODE_DATA_CORRUPTED,
                           "the new partitions of table " + name() + " have " +
                               std::to_string(counts.targets) + " rows, and the old ones " +
                               std::to_string(counts.sources),
                           "Nothing was changed.",
                           "Call ppm.abandon(), and report this to the authors of ppm."};
        }
        job_.rows_done = counts.targets;
        const std::int64_t stay = counts.in_default;
        swap_with_patience();
        const auto partitions = std::ranges::count(job_.targets, false, &JobTarget::is_default);
        announce("moved " + counted(job_.rows_done - stay, "row") + " of table " + name() + " to " +
                 counted(partitions, "partition") +
                 (stay > 0 ? "; the default partition keeps " + counted(stay, "row") : ""));
    }

    void swap_with_patience() {
        for (int attempt = 1;; ++attempt) {
            adapt_default_check(session_, managed_, job_, swap_attempts);
            try {
                return step_with_patience(
                    session_, [&] { swap_tables(managed_, job_, history_); }, swap_attempts);
            } catch (const OtherPartitions&) {
                if (attempt == swap_attempts)
                    throw PpmError{ERRCODE_LOCK_NOT_AVAILABLE,
                                   "partitions of table " + name() +
                                       " were created or removed again and again concurrently",
                                   {},
                                   "Call the procedure again."};
            }
        }
    }

    Session& session_;
    History& history_;
    ManagedParent managed_;
    const std::optional<std::string>& from_;
    const std::optional<std::string>& to_;
    Job job_{};
    MatchingKey key_{};
};

// Reads the parent with its partitions. Throws if it is not valid, or the caller may not manage it.
ManagedParent read_parent_to_move(Session& session, Oid parent) {
    return session.read([&] {
        std::vector<ManagedParent> parents = read_with_partitions(parent);
        const Parent& found = parents.front().parent;
        if (const auto anomalies = validate(found); !anomalies.empty())
            throw PpmError{errcode_invalid_configuration,
                           anomalies.front().detail,
                           {},
                           anomalies.front().hint};
        require_owner(parent, found.configuration.table_name);
        if (found.table->is_distributed)
            throw PpmError{ERRCODE_FEATURE_NOT_SUPPORTED,
                           "cannot repartition table " +
                               in_quotes(found.configuration.qualified_name()) +
                               ": it is distributed by Citus",
                           {},
                           "Repartition it before it is distributed, or move its rows yourself."};
        return std::move(parents.front());
    });
}

}  // namespace

namespace {

// Throws the error again; after a lock timeout or a deadlock, with the holders of the locks.
[[noreturn]] void raise_with_holders(Session& session, Oid parent, const Error& error) {
    if (!is_lock_failure(error))
        throw;
    const std::string holders = session.read([&] { return lock_holders({parent}); });
    if (holders.empty())
        throw;
    throw PpmError{error.sqlstate(), error.message() + holders, error.detail(), error.hint()};
}

}  // namespace

void repartition(Session& session, History& history, Oid parent,
                 const std::optional<std::string>& from, const std::optional<std::string>& to) {
    const std::string name =
        read_parent_to_move(session, parent).parent.configuration.qualified_name();
    const RunLock lock{session, parent, AdvisoryLock::Of::move, "table " + in_quotes(name)};
    if (is_being_abandoned(session, parent))
        take_back_move(session, parent);
    for (int beginning = 1;; ++beginning) {
        std::string reason;
        try {
            return Move{session, history, read_parent_to_move(session, parent), from, to}.run();
        } catch (const MustBeginAnew& why) {
            reason = why.what();
        } catch (const Error& error) {
            raise_with_holders(session, parent, error);
        }
        // The transaction may still have a snapshot.
        session.step([] {});
        if (beginning == beginnings)
            throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                           "the move of rows of table " + in_quotes(name) +
                               " had to begin again too often: " + reason,
                           {},
                           "Call ppm.repartition() again when this no longer happens, or call "
                           "ppm.abandon()."};
        announce("the move of rows of table " + in_quotes(name) + " begins again: " + reason);
        take_back_move(session, parent);
    }
}

}  // namespace ppm
