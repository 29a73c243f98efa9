#include "core/check.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <variant>

#include "core/coverage.hpp"
#include "core/naming.hpp"
#include "core/state.hpp"
#include "core/text.hpp"

namespace ppm {

namespace {

class Checking {
  public:
    Checking(const Parent& parent, const KeyCodec& codec, const Windows& windows, const Plan& plan,
             const Inquiries& inquiries)
        : parent_{parent}, codec_{codec}, windows_{windows}, plan_{plan}, inquiries_{inquiries} {}

    std::vector<Anomaly> check() {
        for (const Partition& partition : parent_.partitions)
            check(partition);
        check_gaps();
        for (const DetachedPartition& detached : parent_.detached)
            check(detached);

        // What is missing comes first; what stands in its way may be known from above.
        const std::vector<Anomaly> others = std::exchange(anomalies_, {});
        for (const Anomaly& anomaly : others)
            reported_.emplace(anomaly.code, anomaly.partition);
        check_window();
        check_default();
        anomalies_.insert(anomalies_.end(), others.begin(), others.end());
        return std::move(anomalies_);
    }

  private:
    // What is missing, in order, each with what stands in its way.
    void check_window() {
        std::multimap<Bound, std::variant<const Action*, const Obstacle*>> missing;
        for (const Action& action : plan_.provision)
            missing.emplace(bounds_of(action).lower, &action);
        for (const Obstacle& obstacle : plan_.obstacles)
            missing.emplace(obstacle.wanted.bounds.lower, &obstacle);
        for (const auto& [lower, what] : missing)
            std::visit([&](const auto* each) { add_missing(*each); }, what);
    }

    void add_missing(const Action& action) {
        const Partition* const detached = existing_partition(action);
        add({AnomalyCode::missing_partition, partition_of(action),
             not_covered(held(bounds_of(action))) +
                 (detached == nullptr ? "."
                                      : ", which table " + in_quotes(detached->name) +
                                            " holds, that ppm detached."),
             call_of("provision")});
    }

    void add_missing(const Obstacle& obstacle) {
        add({AnomalyCode::missing_partition, obstacle.wanted.name,
             not_covered(range_text(obstacle.wanted.lower, obstacle.wanted.upper)) + ".",
             "Mend what stands in its way (" + std::string{name_of(obstacle.reason.code)} +
                 "), then " + call_of("provision")});
        if (reported_.emplace(obstacle.reason.code, obstacle.reason.partition).second)
            add(obstacle.reason);
    }

    void check_default() {
        if (!parent_.default_partition)
            return;
        std::vector<BoundRange> wanted;
        for (const Action& action : plan_.provision)
            wanted.push_back(bounds_of(action));
        if (wanted.empty())
            return;
        const std::string& name = parent_.default_partition->name;
        const std::vector<bool> found = inquiries_.default_has_rows(wanted);
        for (std::size_t i = 0; i < wanted.size(); ++i)
            if (found[i])
                add({AnomalyCode::default_has_rows, name,
                     "Default partition " + in_quotes(name) + " has rows of " + held(wanted[i]) +
                         ", which keep partition " + in_quotes(partition_of(plan_.provision[i])) +
                         " out.",
                     "In one transaction: move those rows away; " + call_of("provision") +
                         " insert them again."});
    }

    void check(const Partition& partition) {
        switch (state_of(partition, codec_, windows_.work)) {
            case PartitionState::pending_detach:
                return add({AnomalyCode::pending_detach, partition.name,
                            "The detaching of partition " + in_quotes(partition.name) + ", of " +
                                held(partition.bounds) + ", was interrupted." +
                                last_failure(partition),
                            call_of("cleanup")});
            case PartitionState::outdated:
                return add_outdated(partition);
            case PartitionState::surplus:
                return add_surplus(partition);
            case PartitionState::off_grid:
                if (!check_name(partition))
                    add({AnomalyCode::off_grid, partition.name,
                         "Partition " + in_quotes(partition.name) + " holds " +
                             held(partition.bounds) + ", which is not one " +
                             std::string{name_of(interval())} + " slot.",
                         "Nothing has to be done: it is removed when all of it is outdated."});
                return;
            default:
                check_name(partition);
        }
    }

    void add_outdated(const Partition& partition) {
        const bool by_work_date_alone =
            place_in(windows_.today, codec_, partition.bounds) != Place::outdated;
        add({AnomalyCode::outdated_partition, partition.name,
             "Partition " + in_quotes(partition.name) + ", of " + held(partition.bounds) +
                 ", ended before the window, which begins on " + to_text(windows_.work.lower) +
                 "." +
                 (by_work_date_alone ? " Cleanup leaves it: by the real date it has not ended."
                                     : last_failure(partition)),
             by_work_date_alone ? "RESET ppm.work_date;" : call_of("cleanup")});
    }

    void add_surplus(const Partition& partition) {
        std::string why = last_failure(partition);
        std::string hint = call_of("cleanup");
        if (action_on(partition, plan_.cleanup) == nullptr) {
            if (codec_.decode(partition.bounds.upper) == plus_infinity) {
                why = " Cleanup leaves it: it has no end.";
                hint = "If it is not wanted: ALTER TABLE " + sql_name(parent_.configuration) +
                       " DETACH PARTITION " + sql_name(partition) + ";";
            } else if (place_in(windows_.today, codec_, partition.bounds) == Place::inside) {
                why = " Cleanup leaves it: it is in the window of the real date.";
                hint = "RESET ppm.work_date;";
            } else {
                why = " Cleanup leaves it: it has rows, or is locked.";
                hint = "Remove the rows, or raise pre_provisioned in ppm.config.";
            }
        }
        add({AnomalyCode::surplus_partition, partition.name,
             "Partition " + in_quotes(partition.name) + ", of " + held(partition.bounds) +
                 ", begins after the window, which ends on " + to_text(windows_.work.upper) + "." +
                 why,
             std::move(hint)});
    }

    // Whether the partition bears another name than what it holds has, or than that of what it
    // holds.
    bool check_name(const Partition& partition) {
        const std::string& table = parent_.configuration.table_name;
        const auto held_slot = slot_of(partition.bounds, codec_, interval());
        const auto named_slot = slot_named(partition.name, table, interval());
        const LocalTime lower = codec_.decode(partition.bounds.lower);
        const LocalTime upper = codec_.decode(partition.bounds.upper);
        if (held_slot == named_slot)
            return false;

        std::string name;
        if (held_slot)
            name = slot_name(table, interval(), *held_slot);
        else if (lower != minus_infinity && upper != plus_infinity)
            name = piece_name(table, lower, upper);
        std::string hint = name.empty() || name.size() > max_name_bytes
                               ? "Rename it to what it holds."
                               : "ALTER TABLE " + sql_name(partition) + " RENAME TO " +
                                     inquiries_.identifier(name) + ";";
        if (named_slot)
            add({AnomalyCode::wrong_bounds, partition.name,
                 "Partition " + in_quotes(partition.name) + " bears the name of " +
                     range_text(named_slot->lower, named_slot->upper) + " but holds " +
                     held(partition.bounds) + ".",
                 std::move(hint)});
        else
            add({AnomalyCode::misnamed, partition.name,
                 "Partition " + in_quotes(partition.name) + " holds " + held(partition.bounds) +
                     ", whose name is " + in_quotes(name) + ".",
                 std::move(hint)});
        return true;
    }

    // Holes before and after the window. What is being detached leaves none.
    void check_gaps() {
        if (parent_.partitions.empty())
            return;
        std::vector<BoundRange> covered;
        for (const Partition& partition : parent_.partitions)
            covered.push_back({codec_.canonical(partition.bounds.lower),
                               codec_.canonical(partition.bounds.upper)});
        const Bound begin = codec_.encode(windows_.work.lower);
        const Bound end = codec_.encode(windows_.work.upper);
        add_gaps({covered.front().lower, std::min(begin, covered.back().upper)}, covered);
        add_gaps({std::max(end, covered.front().lower), covered.back().upper}, covered);
    }

    void add_gaps(const BoundRange& range, const std::vector<BoundRange>& covered) {
        if (range.empty())
            return;
        for (const BoundRange& hole : holes_in(range, covered))
            add({AnomalyCode::gap,
                 {},
                 not_covered(held(hole)) + ", outside the window.",
                 "If rows of that time are to come, create a partition for them; else nothing has "
                 "to be done."});
    }

    // What ppm set out to drop, and has not.
    void check(const DetachedPartition& detached) {
        const Partition& partition = detached.partition;
        if (!detached.is_detached || detached.policy != CleanupPolicy::drop ||
            parent_.configuration.cleanup_policy != CleanupPolicy::drop ||
            action_on(partition, plan_.provision) != nullptr)
            return;
        const std::string failure = last_failure(partition);
        const Action* const next = action_on(partition, plan_.cleanup);
        add({AnomalyCode::pending_drop, partition.name,
             "Table " + in_quotes(partition.schema_name + "." + partition.name) + ", of " +
                 held(partition.bounds) + ", was detached and " + fate(detached, next) + failure,
             next != nullptr && failure.empty()
                 ? call_of("cleanup")
                 : "DROP TABLE " + sql_name(partition) +
                       "; or, to keep it: DELETE FROM ppm.detached WHERE relation = " +
                       std::to_string(partition.relation) + ";"});
    }

    static const char* fate(const DetachedPartition& detached, const Action* next) {
        if (next != nullptr)
            return std::holds_alternative<AttachPartition>(*next)
                       ? "got rows: cleanup attaches it again."
                       : "is to be dropped.";
        return detached.is_unconfirmed
                   ? "was to be dropped. Cleanup leaves it: it was interrupted before it knew who "
                     "had detached it."
                   : "was to be dropped. Cleanup leaves it: it has rows, or is not outdated any "
                     "more.";
    }

    static const Action* action_on(const Partition& partition, const std::vector<Action>& actions) {
        const auto found = std::ranges::find_if(actions, [&](const Action& action) {
            const Partition* const existing = existing_partition(action);
            return existing != nullptr && existing->relation == partition.relation;
        });
        return found == actions.end() ? nullptr : &*found;
    }

    void add(Anomaly anomaly) { anomalies_.push_back(std::move(anomaly)); }

    Interval interval() const { return parent_.configuration.interval; }

    std::string held(const BoundRange& bounds) const {
        return range_text(codec_.decode(bounds.lower), codec_.decode(bounds.upper));
    }

    std::string not_covered(const std::string& range) const {
        return "No partition of table " + in_quotes(parent_.configuration.qualified_name()) +
               " covers " + range;
    }

    std::string last_failure(const Partition& partition) const {
        const std::string failure = inquiries_.last_failure(partition);
        return failure.empty() ? "" : " The last attempt failed: " + failure + ".";
    }

    std::string sql_name(const Configuration& configuration) const {
        return inquiries_.identifier(configuration.schema_name) + "." +
               inquiries_.identifier(configuration.table_name);
    }

    std::string sql_name(const Partition& partition) const {
        return inquiries_.identifier(partition.schema_name) + "." +
               inquiries_.identifier(partition.name);
    }

    // `CALL ppm.cleanup('public.orders');`
    std::string call_of(const char* procedure) const {
        std::string literal;
        for (const char c : sql_name(parent_.configuration))
            literal += c == '\'' ? std::string{"''"} : std::string{c};
        return "CALL ppm." + std::string{procedure} + "('" + literal + "');";
    }

    const Parent& parent_;
    const KeyCodec& codec_;
    const Windows& windows_;
    const Plan& plan_;
    const Inquiries& inquiries_;
    std::vector<Anomaly> anomalies_;
    std::set<std::pair<AnomalyCode, std::string>> reported_;
};

}  // namespace

std::vector<Anomaly> check(const Parent& parent, const KeyCodec& codec, const Windows& windows,
                           const Plan& plan, const Inquiries& inquiries) {
    return Checking{parent, codec, windows, plan, inquiries}.check();
}

}  // namespace ppm
