#include "pg/repartition/without_key.hpp"

#include "core/text.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/names.hpp"
#include "pg/repartition/patience.hpp"
#include "pg/repartition/plain_move.hpp"
#include "pg/repartition/refusals.hpp"
#include "pg/repartition/targets.hpp"
#include "pg/run/provision.hpp"

namespace ppm {

namespace {

constexpr char add_a_key[] =
    "Add a primary key that includes the partition key: then rows are moved while the table is in "
    "use.";

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
        Deadline::Clock::time_point begun;
        const auto held = [&] {
            return std::chrono::ceil<std::chrono::microseconds>(Deadline::Clock::now() - begun);
        };
        const auto move_slot = [&] {
            begun = Deadline::Clock::now();
            history_.begin_action();
            lock_own_tables();
            lock_parent(managed_.parent);
            lock_names({NamedRelation{managed_.parent}});
            const RelationId relation = create_table(managed_, create);
            // From here on nobody writes or locks rows; readers go on. The lock on the parent is
            // needed, too: a writer that waits only for the default partition has already chosen
            // its partitions. It would miss the moved rows, and its INSERT would fail.
            lock_all({managed_.parent.table->relation, source()}, ExclusiveLock, lock_timeout());
            require_as_planned();
            require_owner_of_tree(managed_.parent.table->owner, source());
            rows = move_rows(managed_, source(), relation, target.bounds);
            attach(create, relation);
            history_.record(completed);
        };
        // Each attempt moves the rows before it waits for the readers.
        step_with_patience(session_, move_slot, usual_attempts, held);
        announce(completed);
        session_.leave_room(held());
        return rows;
    }

  private:
    RelationId source() const { return managed_.parent.default_partition->relation; }

    // Somebody may have detached the default partition, or added a foreign key to it.
    void require_as_planned() const {
        const RelationId parent = managed_.parent.table->relation;
        if (call([=] { return get_default_partition_oid(parent); }) != source())
            throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                           in_quotes(managed_.parent.default_partition->qualified_name()) +
                               " is no longer the default partition of table " +
                               in_quotes(managed_.parent.configuration.qualified_name())};
        require_same_configuration(managed_.parent);
        require_movable_without_key(managed_);
    }

    void attach(const CreatePartition& create, RelationId relation) const {
        try {
            attach_created(managed_, create, relation, Statement::attach_filled);
        } catch (const Error& error) {
            if (!is_timeout(error))
                throw;
            throw PpmError{ERRCODE_QUERY_CANCELED,
                           "partition " + in_quotes(create.name) + " of table " +
                               in_quotes(managed_.parent.configuration.qualified_name()) +
                               " could not be attached within ppm.lock_timeout",
                           "PostgreSQL reads all of the default partition while the readers of the "
                           "table wait.",
                           std::string{add_a_key} + " Or raise ppm.lock_timeout."};
        }
    }

    Slot slot_of(const BoundRange& bounds) const {
        const KeyCodec codec = codec_of(managed_);
        return {codec.decode(bounds.lower), codec.decode(bounds.upper)};
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
        require_movable_without_key(managed);
        return true;
    });
    MoveBySlots moves{session, history, managed};
    std::int64_t rows = 0;
    for (const MoveTarget& each : plan.targets) {
        try {
            rows += moves.move(each);
        } catch (const Error& error) {
            if (!is_timeout(error))
                throw;
            throw PpmError{ERRCODE_QUERY_CANCELED,
                           "the rows of partition " + in_quotes(each.name) + " of table " + name +
                               " could not be moved within ppm.statement_timeout",
                           "The table has no unique key to match its rows by, so the rows of a "
                           "partition are moved in one transaction.",
                           std::string{add_a_key} + " Or raise ppm.statement_timeout."};
        }
    }
    announce("moved " + counted(rows, "row") + " of table " + name + " to " +
             counted(std::ssize(plan.targets), "partition"));
}

}  // namespace ppm
