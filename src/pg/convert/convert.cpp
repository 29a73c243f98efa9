#include "pg/convert/convert.hpp"

#include "core/text.hpp"
#include "pg/bridge/messages.hpp"
#include "pg/bridge/sqlstate.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/convert/obstacles.hpp"
#include "pg/convert/retries.hpp"
#include "pg/convert/swap.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/names.hpp"
#include "pg/run/plan.hpp"
#include "pg/run/report.hpp"
#include "pg/run/worker.hpp"

namespace ppm {

namespace {

// How often the end is set anew because the keys came near it.
constexpr int most_beginnings = 5;

// Thrown when the keys have come near the end, or may do so before all rows are read.
struct EndIsNear {};

class Converter {
  public:
    Converter(Session& session, History& history, RelationId relation, const std::string& name,
              bool extend_unique)
        : session_{session},
          history_{history},
          relation_{relation},
          extend_unique_{extend_unique},
          others_{session, relation, AdvisoryLock::Of::partitions, "table " + in_quotes(name)} {}

    RelationId run() {
        refresh();
        measure_growth();
        build_indexes();
        for (int beginning = 1;; ++beginning) {
            try {
                bind();
                validate_check();
                return swap_tables();
            } catch (const EndIsNear&) {
                if (beginning == most_beginnings)
                    throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                                   "the keys of table " + in_quotes(conversion_->qualified_name()) +
                                       " grow faster than the table is read",
                                   {},
                                   "Raise pre_provisioned in ppm.config for the time of the "
                                   "conversion, then call the procedure again."};
                lead_ *= 2;
            }
            begin_again();
        }
    }

  private:
    // Reads everything anew, and refuses what cannot be converted before anything is touched.
    void refresh() {
        session_.step([] {});
        session_.read([&] {
            conversion_ = read_conversion(relation_);
            require_owner(relation_, conversion_->name());
            indexes_ = narrow_indexes(*conversion_);
            auto obstacles = obstacles_to(*conversion_, indexes_, extend_unique_);
            if (obstacles.empty()) {
                look_at_keys();
                obstacles = obstacles_in_keys(*conversion_, course_.keys, end_);
            }
            if (!obstacles.empty())
                raise(obstacles);
            return true;
        });
        session_.step([] {});
    }

    [[noreturn]] void raise(const std::vector<Finding>& obstacles) const {
        std::vector<Failure> failures;
        failures.reserve(obstacles.size());
        for (const auto& [what, mend] : obstacles)
            failures.push_back({.table = conversion_->managed.parent.configuration.name(),
                                .partition = {},
                                .action = "convert",
                                .bounds = {},
                                .sqlstate = ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                                .message = what,
                                .hint = mend});
        raise_failures(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "table " + in_quotes(failures.front().table.qualified()) +
                           " cannot be converted as it is",
                       failures, "Then call the procedure again.");
    }

    bool counts() const { return key_of(conversion_->managed.parent).counts(); }

    void read_keys(std::chrono::milliseconds limit) {
        Keys keys = keys_of(relation_, conversion_->key(), codec_of(conversion_->managed), limit);
        if (counts())
            course_.growth.observe(keys);
        course_.keys = keys;
    }

    void look_at_keys() {
        read_keys(std::chrono::milliseconds{statement_timeout()});
        lead_ = std::max(lead_, time_to_validate(course_.keys));
        const auto& check = conversion_->check;
        end_ = check && check->end ? codec_of(conversion_->managed).decode(*check->end)
                                   : end_after(*conversion_, course_, Clock{}, lead_);
    }

    // Reads the greatest key again, a second after the first time.
    void measure_growth() {
        if (!counts())
            return;
        constexpr std::chrono::seconds between_looks{1};
        session_.pause(between_looks);
        refresh();
    }

    std::string end_text() const { return codec_of(conversion_->managed).text(end_); }

    std::chrono::seconds time_left() const {
        return time_until_near(*conversion_, course_, Clock{}, end_);
    }

    void build_indexes() {
        for (const NarrowIndex& index : indexes_) {
            if (index.is_ready)
                continue;
            if (OidIsValid(index.built))
                retry(session_, history_, {relation_},
                      [&] { session_.step([&] { alter(drop_built_statement(index)); }); });
            announce("building unique index " + in_quotes(index.built_name) + " with column " +
                     in_quotes(conversion_->key()) + "; this might take long");
            Worker worker{conversion_->managed.parent.table->owner, check_interval()};
            worker.build_index(relation_, index.index, conversion_->key(), index.built_name);
        }
        if (!indexes_.empty())
            refresh();
    }

    // Takes the lock of ALTER TABLE first, so that the name still means this table.
    void alter(const std::string& statement, int milliseconds = statement_timeout(),
               LOCKMODE mode = AccessExclusiveLock) const {
        const Parent& parent = conversion_->managed.parent;
        lock_parent(parent, mode);
        lock_names({NamedRelation{parent}});
        execute_as_owner(parent, statement, milliseconds);
    }

    std::string alter_table() const { return "ALTER TABLE " + conversion_->sql_name(); }

    std::string drop_check() const {
        return alter_table() + " DROP CONSTRAINT " + conversion_check;
    }

    // From here on, no key at or above the end can be written.
    void bind() {
        if (conversion_->check && conversion_->check->end) {
            if (time_left() <= (conversion_->check->is_valid ? std::chrono::seconds{0} : lead_ / 2))
                throw EndIsNear{};
            return;
        }
        retry(session_, history_, {relation_}, [&] {
            session_.step([&] {
                // One that was made for another key is of no use.
                const std::string add = std::string{" ADD CONSTRAINT "} + conversion_check + " " +
                                        check_clause(*conversion_, end_) + " NOT VALID";
                alter(conversion_->check ? drop_check() + "," + add : alter_table() + add);
                conversion_->check = read_conversion(relation_).check;
                if (!conversion_->check ||
                    conversion_->check->end != codec_of(conversion_->managed).encode(end_))
                    throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                                   "table " + in_quotes(conversion_->qualified_name()) +
                                       " was changed concurrently: it does not have constraint " +
                                       in_quotes(conversion_check),
                                   {},
                                   "Call the procedure again."};
                comment_on_check();
                keep_extension();
            });
        });
        announce("keys at or above " + end_text() +
                 " cannot be written until the table is converted");
    }

    void comment_on_check() const {
        execute_as_owner(conversion_->managed.parent,
                         std::string{"COMMENT ON CONSTRAINT "} + conversion_check + " ON " +
                             conversion_->sql_name() + " IS " +
                             literal("CALL ppm.convert() continues the conversion, CALL "
                                     "ppm.abandon() undoes it"));
    }

    // The constraint restricts writers, so it must not outlast ppm: DROP EXTENSION fails, and DROP
    // EXTENSION CASCADE drops the constraint, too.
    void keep_extension() const {
        const Oid constraint = conversion_->check->constraint;
        call([=] {
            ObjectAddress dependent;
            ObjectAddress extension;
            ObjectAddressSet(dependent, ConstraintRelationId, constraint);
            ObjectAddressSet(extension, ExtensionRelationId, get_extension_oid("ppm", false));
            recordDependencyOn(&dependent, &extension, DEPENDENCY_NORMAL);
        });
    }

    // For a worker. Ends this session's transaction, because the worker would wait for its locks or
    // its snapshot.
    int check_interval() {
        int interval = 0;
        session_.step([&] { interval = session_.check_interval(); });
        return interval;
    }

    void unbind() {
        retry(session_, history_, {relation_},
              [&] { session_.step([&] { alter(drop_check()); }); });
        conversion_->check.reset();
    }

    // Begins with a later end. Until the new constraint is there, writers are not restricted.
    void begin_again() {
        refresh();
        if (!conversion_->check)
            return;
        unbind();
        refresh();
    }

    // Reads all the rows while others read and write. Stops when the keys come near the end.
    void validate_check() {
        if (conversion_->check->is_valid)
            return;
        try {
            retry(session_, history_, {relation_}, [&] {
                Worker worker{conversion_->managed.parent.table->owner, check_interval()};
                worker.validate_constraint(relation_, conversion_check, [&] { watch_keys(); });
            });
        } catch (const Error& error) {
            if (error.sqlstate() == ERRCODE_CHECK_VIOLATION)
                raise_keys_beyond();
            throw;
        }
        announce("no row has a key at or above " + end_text());
        refresh();
        bind();
    }

    // Without an index that leads with the key, reading the keys takes too long: the clock must do.
    void watch_keys() {
        if (course_.keys.has_index) {
            session_.read([&] {
                const Keys before = course_.keys;
                read_keys(std::chrono::milliseconds::zero());
                if (!course_.keys.are_known)
                    course_.keys = before;
                return true;
            });
            session_.step([] {});
        }
        if (time_left() == std::chrono::seconds::zero())
            throw EndIsNear{};
    }

    // The constraint cannot become valid, so it must not restrict writers any longer.
    [[noreturn]] void raise_keys_beyond() {
        unbind();
        const std::string key = identifier(conversion_->key());
        throw PpmError{ERRCODE_CHECK_VIOLATION,
                       "table " +
                           in_quotes(conversion_->schema_name() + "." + conversion_->name()) +
                           " has keys that are NULL, or at or above " + end_text(),
                       {},
                       "Delete or change those rows: WHERE " + key + " IS NULL OR " + key +
                           " >= '" + end_text() +
                           "'. Or create an index on the key, so that ppm finds the greatest one, "
                           "and call the procedure again."};
    }

    RelationId swap_tables() {
        RelationId created = InvalidOid;
        const ManagedParent& managed = conversion_->managed;
        const CompletedAction completed{Done::converted,
                                        managed,
                                        conversion_->schema_name(),
                                        old_name(*conversion_, end_),
                                        {Bound::min_value(), codec_of(managed).encode(end_)}};
        retry(session_, history_, {relation_}, [&] {
            session_.step([&] {
                lock_own_tables();
                created = put_in_place(*conversion_, end_, extend_unique_);
                history_.record(completed);
            });
        });
        ppm::announce(completed);
        return created;
    }

    void announce(const std::string& what) const {
        ppm::announce("table " +
                      in_quotes(conversion_->managed.parent.configuration.qualified_name()) + ": " +
                      what);
    }

    Session& session_;
    History& history_;
    RelationId relation_;
    bool extend_unique_;
    RunLock others_;
    std::optional<Conversion> conversion_;
    std::vector<NarrowIndex> indexes_;
    KeyCourse course_;
    std::chrono::seconds lead_{0};
    Position end_{};
};

}  // namespace

RelationId convert(Session& session, History& history, RelationId relation, bool extend_unique) {
    std::string name;
    const bool is_done = session.read([&] {
        const Conversion conversion = read_conversion(relation);
        require_owner(relation, conversion.name());
        name = conversion.qualified_name();
        if (conversion.is_partitioned)
            announce("table " + in_quotes(name) + " is already partitioned");
        return conversion.is_partitioned;
    });
    if (is_done)
        return relation;
    return Converter{session, history, relation, name, extend_unique}.run();
}

}  // namespace ppm
