#include "pg/repartition/without_key.hpp"

#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/names.hpp"
#include "pg/repartition/patience.hpp"
#include "pg/repartition/refusals.hpp"
#include "pg/repartition/shape.hpp"
#include "pg/repartition/targets.hpp"
#include "pg/run/provision.hpp"

namespace ppm {

namespace {

constexpr char add_a_key[] =
    "Add a primary key that has the partition key in it: then rows are moved online.";

// What would run for each row that leaves the default partition although nothing is deleted.
constexpr char companions_query[] =
    "SELECT format('trigger \"%s\"', tgname) FROM pg_trigger "
    "WHERE tgrelid = $1 AND NOT tgisinternal AND tgenabled IN ('A', 'R') "
    "UNION ALL SELECT format('rule \"%s\"', rulename) FROM pg_rewrite WHERE ev_class = $1 LIMIT 1";

class MoveBySlots {
  public:
    MoveBySlots(Session& session, History& history, const ManagedParent& managed)
        : session_{session}, history_{history}, managed_{managed} {}

    // Returns how many rows were moved.
    std::int64_t move(const MoveTarget& target) {
        const CreatePartition create{target.name, target.bounds, slot_of(target.bounds)};
        const CompletedAction completed{Done::created, managed_,
                                        managed_.parent.configuration.schema_name, target.name,
                                        target.bounds};
        std::int64_t rows = 0;
        step_with_patience(session_, [&] {
            history_.begin_action();
            lock_own_tables();
            lock_parent(managed_.parent);
            lock_names({NamedRelation{managed_.parent}});
            const RelationId relation = create_table(managed_, create);
            // From here on nobody writes to it; readers go on.
            lock_all({source()}, ShareRowExclusiveLock, lock_timeout());
            require_owner_of_tree(managed_.parent.table->owner, source());
            require_no_companions();
            rows = move_rows(target, relation);
            attach_created(managed_, create, relation);
            history_.record(completed);
        });
        announce(completed);
        return rows;
    }

  private:
    RelationId source() const { return managed_.parent.default_partition->relation; }

    Slot slot_of(const BoundRange& bounds) const {
        const KeyCodec codec = codec_of(managed_);
        return {codec.decode(bounds.lower), codec.decode(bounds.upper)};
    }

    void require_no_companions() const {
        const Rows rows = query(companions_query, {oid_parameter(source())});
        if (rows.count() > 0)
            throw PpmError{ERRCODE_FEATURE_NOT_SUPPORTED,
                           "cannot move rows out of default partition " +
                               in_quotes(managed_.parent.default_partition->name) + ": its " +
                               rows.string(0, 1) + " would run for each of them",
                           {},
                           add_a_key};
    }

    // The rows only change their table. Under the replica role, triggers and foreign keys do not
    // fire for that; ATTACH checks the foreign keys.
    std::int64_t move_rows(const MoveTarget& target, RelationId relation) const {
        LocalSettings settings;
        settings.set("row_security", "off");
        settings.set_as_superuser("session_replication_role", "replica");
        const std::string columns = copied_columns(managed_.parent.table->relation);
        execute_as_owner(managed_.parent, std::string{"WITH moved AS (DELETE FROM ONLY "}
                                              .append(qualified_name(source()))
                                              .append(" WHERE ")
                                              .append(condition_of(managed_, target.bounds))
                                              .append(" RETURNING ")
                                              .append(columns)
                                              .append(") INSERT INTO ")
                                              .append(qualified_name(relation))
                                              .append(" (")
                                              .append(columns)
                                              .append(") OVERRIDING SYSTEM VALUE SELECT ")
                                              .append(columns)
                                              .append(" FROM moved"));
        return static_cast<std::int64_t>(SPI_processed);
    }

    Session& session_;
    History& history_;
    const ManagedParent& managed_;
};

}  // namespace

void move_without_key(Session& session, History& history, const ManagedParent& managed,
                      const MovePlan& plan) {
    const std::string name = in_quotes(managed.parent.configuration.qualified_name());
    session.read([&] {
        if (!plan.sources.empty())
            require_matching_key(managed);
        require_movable(managed, {*managed.parent.default_partition});
        return true;
    });
    MoveBySlots moves{session, history, managed};
    std::int64_t rows = 0;
    for (const MoveTarget& each : plan.targets) {
        try {
            rows += moves.move(each);
        } catch (const Error& error) {
            if (error.sqlstate() != ERRCODE_QUERY_CANCELED || ends_the_call(error))
                throw;
            throw PpmError{ERRCODE_QUERY_CANCELED,
                           "the rows of partition " + in_quotes(each.name) + " of table " + name +
                               " could not be moved within ppm.statement_timeout",
                           "The table has no unique key to match its rows by, so the rows of a "
                           "partition are moved in one transaction.",
                           std::string{add_a_key} + " Or raise ppm.statement_timeout."};
        }
    }
    announce("moved " + std::to_string(rows) + " rows of table " + name + " to " +
             std::to_string(plan.targets.size()) + " partitions");
}

}  // namespace ppm
