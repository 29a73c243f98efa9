#include "core/plan/archive.hpp"

#include <algorithm>
#include <utility>

#include "core/text.hpp"

namespace ppm {

namespace {

class ArchivePlanner {
  public:
    ArchivePlanner(const Parent& parent, const Lookups& lookups, Plan& plan)
        : parent_{parent}, lookups_{lookups}, plan_{plan} {}

    void move() {
        if (auto problem = lookups_.archive_problem()) {
            // The problem is reported even if nothing is to be moved now.
            const bool is_refused = keep_attached();
            (is_refused || waits_outside() ? plan_.refusals : plan_.not_archived)
                .push_back(*std::move(problem));
            return;
        }
        std::vector<Action> actions;
        for (Action& action : std::exchange(plan_.cleanup, {})) {
            const Partition* const partition =
                is_detached_by(action) && !is_before_at_once(action) && !comes_back(action)
                    ? existing_partition(action)
                    : nullptr;
            const auto moved = partition == nullptr ? std::nullopt : std::optional{*partition};
            actions.push_back(std::move(action));
            if (moved)
                add(*moved, actions);
        }
        for (const DetachedPartition& each : parent_.detached)
            if (is_outside(each))
                add(each.partition, actions);
        plan_.cleanup = std::move(actions);
    }

  private:
    const std::string& archive() const { return *parent_.configuration.archive_schema; }

    static bool is_detached_by(const Action& action) {
        return std::holds_alternative<DetachPartition>(action) ||
               std::holds_alternative<FinalizeDetach>(action);
    }

    bool is_before_at_once(const Action& detach) const {
        return is_acted_on<DropPartition>(*existing_partition(detach), before_);
    }

    bool comes_back(const Action& detach) const {
        return is_acted_on<AttachPartition>(*existing_partition(detach), before_);
    }

    template <typename Kind>
    static bool is_acted_on(const Partition& partition, const std::vector<Action>& actions) {
        return std::ranges::any_of(actions, [&](const Action& action) {
            const auto* const each = std::get_if<Kind>(&action);
            return each != nullptr && each->partition.relation == partition.relation;
        });
    }

    // Whether the table was detached, has not been moved yet, and is now neither dropped nor
    // attached again. A table that others may have detached stays where it is; so does one whose
    // rows other partitions have.
    bool is_outside(const DetachedPartition& detached) const {
        const Partition& partition = detached.partition;
        return detached.is_detached && !detached.is_unconfirmed && !detached.is_repartitioned &&
               partition.schema_name != archive() &&
               !is_acted_on<DropPartition>(partition, before_) &&
               !is_acted_on<AttachPartition>(partition, before_) &&
               !is_acted_on<AttachPartition>(partition, plan_.provision);
    }

    bool waits_outside() const {
        return std::ranges::any_of(parent_.detached,
                                   [&](const auto& each) { return is_outside(each); });
    }

    // Keeps the partitions attached that would have to be moved. Returns whether there are any.
    bool keep_attached() {
        std::vector<RelationId> kept;
        for (const Action& action : plan_.cleanup)
            if (std::holds_alternative<DetachPartition>(action) && !is_before_at_once(action))
                kept.push_back(existing_partition(action)->relation);
        const auto is_kept = [&](const Partition& partition) {
            return std::ranges::find(kept, partition.relation) != kept.end();
        };
        std::erase_if(plan_.cleanup, [&](const Action& action) {
            return std::holds_alternative<DetachPartition>(action) &&
                   is_kept(*existing_partition(action));
        });
        std::erase_if(plan_.later, [&](const LaterDrop& each) { return is_kept(each.partition); });
        return !kept.empty();
    }

    void add(const Partition& partition, std::vector<Action>& actions) {
        if (partition.schema_name == archive())
            return;
        if (!lookups_.is_taken_in_archive(partition))
            actions.emplace_back(ArchiveTable{partition, archive()});
        else
            plan_.not_archived.push_back(name_taken(partition));
    }

    Anomaly name_taken(const Partition& partition) const {
        return {AnomalyCode::name_taken, partition.name,
                "Table " + in_quotes(partition.qualified_name()) + " is not moved to schema " +
                    in_quotes(archive()) +
                    ": a relation or type there has the name of the table, or of an object that "
                    "moves with it.",
                "Rename either of the two. The next cleanup then moves the table."};
    }

    const Parent& parent_;
    const Lookups& lookups_;
    Plan& plan_;
    const std::vector<Action> before_ = plan_.cleanup;  // as it was
};

}  // namespace

void plan_archive(const Parent& parent, const Lookups& lookups, Plan& plan) {
    if (parent.configuration.archive_schema)
        ArchivePlanner{parent, lookups, plan}.move();
}

}  // namespace ppm
