#include "core/check/check.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>
#include <variant>

#include "core/check/life.hpp"
#include "core/check/missing.hpp"
#include "core/check/wording.hpp"
#include "core/grid/coverage.hpp"
#include "core/grid/interval.hpp"
#include "core/grid/naming.hpp"
#include "core/plan/state.hpp"
#include "core/text.hpp"

namespace ppm {

namespace {

class AnomalyFinder : Wording {
  public:
    AnomalyFinder(const Parent& parent, const KeyCodec& codec, const Windows& windows,
                  const Plan& plan, const Inquiries& inquiries)
        : Wording{parent, codec, inquiries}, windows_{windows}, plan_{plan} {}

    std::vector<Anomaly> check() {
        if (plan_.blocked)
            return {*plan_.blocked};
        if (plan_.clock_jump)
            add(*plan_.clock_jump);
        std::ranges::copy(plan_.refusals, std::back_inserter(anomalies_));
        std::ranges::copy(plan_.warnings, std::back_inserter(anomalies_));
        for (Anomaly& anomaly : check_archive_and_hooks(parent_, plan_, inquiries_))
            add(std::move(anomaly));
        for (const Partition& partition : parent_.partitions)
            check(partition);
        check_gaps();
        for (const DetachedPartition& detached : parent_.detached)
            check(detached);

        check_primary_key();
        if (parent_.default_partition) {
            check_default_name(*parent_.default_partition);
            check_differences(*parent_.default_partition);
        }

        // Missing partitions come first. Their obstacles may be among the anomalies found above.
        others_ = std::exchange(anomalies_, {});
        std::ranges::move(missing_partitions(parent_, codec_, plan_, inquiries_, others_),
                          std::back_inserter(anomalies_));
        check_references();
        anomalies_.insert(anomalies_.end(), others_.begin(), others_.end());
        return std::move(anomalies_);
    }

  private:
    void check_default_name(const Partition& partition) {
        if (const auto named = slot_named(partition.name, table(), grid()))
            add(wrong_bounds(partition, *named, held_by_default,
                             "Rename the partition to what it holds."));
    }

    void check(const Partition& partition) {
        switch (state_of(partition, codec_, windows_.work)) {
            case PartitionState::pending_detach:
                return add({AnomalyCode::pending_detach, partition.name,
                            "Detaching partition " + in_quotes(partition.name) + ", of " +
                                held(partition.bounds) + ", was interrupted." +
                                what_follows_the_detach(partition) + last_failure(partition.name),
                            again("cleanup", partition.name)});
            case PartitionState::outdated:
                check_bounds(partition);
                // While the clock is in doubt, no partition is known to be outdated.
                if (!plan_.outdated_in_doubt)
                    add_outdated(partition);
                return check_owner(partition);
            case PartitionState::surplus:
                check_bounds(partition);
                if (!plan_.surplus_in_doubt)
                    add_surplus(partition);
                return check_owner(partition);
            case PartitionState::off_grid:
                if (!check_bounds(partition))
                    add_off_grid(partition);
                return check_differences(partition);
            default:
                if (!check_bounds(partition))
                    check_name(partition);
                check_differences(partition);
        }
    }

    void add_off_grid(const Partition& partition) {
        add({AnomalyCode::off_grid, partition.name,
             "Partition " + in_quotes(partition.name) + " holds " + held(partition.bounds) +
                 ", which is not one " + of_interval(grid(), "slot") + ".",
             codec_.is_open_ended(partition.bounds) ? detach_if_not_wanted(partition)
             : begins_elsewhere(partition.bounds)
                 ? "If slots should begin there, set origin or timezone in ppm.config. If not: " +
                       what_becomes_of_it()
                 : what_becomes_of_it()});
    }

    // Another tool's slots may begin at another hour, day or number.
    bool begins_elsewhere(const BoundRange& bounds) const {
        return is_slot_from_another_origin(
            grid(), {codec_.decode(bounds.lower), codec_.decode(bounds.upper)});
    }

    std::string what_becomes_of_it() const {
        const bool stays = windows_.work.keeps_everything;
        // ppm does not repartition Citus' tables.
        if (parent_.table->is_distributed)
            return stays ? "Nothing has to be done." : "It is removed when all of it is outdated.";
        return repartition_and(" spreads its rows over partitions of one slot each.") + " " +
               (stays ? "Nothing has to be done."
                      : "Or do nothing: it is removed when all of it is outdated.");
    }

    // If cleanup removes nothing, the reason is reported once, not for each partition.
    void add_outdated(const Partition& partition) {
        if (!plan_.refusals.empty())
            return;
        if (const LeftOut* const left_out = left_out_of(partition))
            return add({AnomalyCode::outdated_partition, partition.name,
                        ended_before_window(partition) + is_left(*left_out),
                        left_out->reason.hint});
        const bool goes = action_on(partition, plan_.cleanup) != nullptr;
        add({AnomalyCode::outdated_partition, partition.name,
             ended_before_window(partition) +
                 (goes ? last_failure(partition.name)
                       : " Cleanup leaves it: by the real date it is not outdated."),
             goes ? again("cleanup", partition.name) : "RESET ppm.work_date;"});
    }

    std::string ended_before_window(const Partition& partition) const {
        return "Partition " + in_quotes(partition.name) + ", of " + held(partition.bounds) +
               ", ended before the window, which begins " + at() +
               codec_.text(windows_.work.lower) + ".";
    }

    const LeftOut* left_out_of(const Partition& partition) const {
        const auto found =
            std::ranges::find(plan_.left_out, partition.relation, &LeftOut::relation);
        return found == plan_.left_out.end() ? nullptr : &*found;
    }

    static std::string is_left(const LeftOut& left_out) {
        return " Cleanup leaves it (" + std::string{name_of(left_out.reason.code)} + ").";
    }

    void add_surplus(const Partition& partition) {
        if (!plan_.refusals.empty())
            return;
        std::string why = last_failure(partition.name);
        std::string hint = again("cleanup", partition.name);
        if (const LeftOut* const left_out = left_out_of(partition)) {
            why = is_left(*left_out);
            hint = left_out->reason.hint;
        } else if (action_on(partition, plan_.cleanup) == nullptr) {
            if (codec_.is_open_ended(partition.bounds)) {
                why = " Cleanup leaves it: it has no end.";
                hint = detach_if_not_wanted(partition);
            } else if (place_in(windows_.today, codec_, partition.bounds) == Place::inside) {
                why = " Cleanup leaves it: by the real date it is not surplus.";
                hint = "RESET ppm.work_date;";
            } else {
                why = " Cleanup leaves it: it has rows, or is locked, or is not a plain table.";
                hint = "Remove the rows, or raise pre_provisioned in ppm.config.";
            }
        }
        add({AnomalyCode::surplus_partition, partition.name,
             "Partition " + in_quotes(partition.name) + ", of " + held(partition.bounds) +
                 ", begins after the window, which ends " + at() +
                 codec_.text(windows_.work.upper) + "." + why,
             std::move(hint)});
    }

    std::string detach_if_not_wanted(const Partition& partition) const {
        return "If it is not wanted: ALTER TABLE " + sql_name(parent_.configuration) +
               " DETACH PARTITION " + sql_name(partition) + ";";
    }

    // Whether the partition has the name of a slot that begins elsewhere. A partition that only
    // ends elsewhere may fit its name: the slot may be of another interval.
    bool check_bounds(const Partition& partition) {
        const auto named = slot_named(partition.name, table(), grid());
        if (!named || codec_.canonical(codec_.encode(named->lower)) ==
                          codec_.canonical(partition.bounds.lower))
            return false;
        Anomaly anomaly = wrong_bounds(partition, *named, held(partition.bounds),
                                       rename(partition, slot_of(partition)));
        anomaly.is_mild = is_moved(*named, partition.bounds);
        add(std::move(anomaly));
        return true;
    }

    Anomaly wrong_bounds(const Partition& partition, const Slot& named, const std::string& held,
                         std::string hint) const {
        return {AnomalyCode::wrong_bounds, partition.name,
                "Partition " + in_quotes(partition.name) + " has the name of " +
                    codec_.range_text(named) + " but holds " + held + ".",
                std::move(hint)};
    }

    // Whether these are the slot's edges in another time zone, or by older rules of the zone: both
    // edges are moved by the same amount, apart from a daylight saving change.
    bool is_moved(const Slot& slot, const BoundRange& bounds) const {
        using std::chrono::hours;
        constexpr hours between_any_zones{26};
        constexpr hours clock_change{3};
        const Slot held{codec_.decode(bounds.lower), codec_.decode(bounds.upper)};
        if (codec_.counts() || held.lower == minus_infinity || held.upper == plus_infinity)
            return false;
        const auto lower = held.lower.time() - slot.lower.time();
        const auto upper = held.upper.time() - slot.upper.time();
        return abs(lower) < between_any_zones && abs(upper) < between_any_zones &&
               abs(lower - upper) <= clock_change;
    }

    std::optional<Slot> slot_of(const Partition& partition) const {
        return ppm::slot_of(partition.bounds, codec_, grid());
    }

    // Reports a partition that holds one slot but does not have the slot's name.
    void check_name(const Partition& partition) {
        const auto holds = slot_of(partition);
        if (!holds || holds == slot_named(partition.name, table(), grid()))
            return;
        const std::string proper = slot_name(table(), grid(), *holds);
        const bool is_taken = partition.name.starts_with(proper + "_") &&
                              inquiries_.relation_exists(partition.schema_name, proper);
        add({is_taken ? AnomalyCode::name_taken : AnomalyCode::misnamed, partition.name,
             "Partition " + in_quotes(partition.name) + " holds " + held(partition.bounds) +
                 ", whose name is " + in_quotes(proper) + "." +
                 (is_taken ? " Another relation or type has that name." : ""),
             rename(partition, holds)});
    }

    // How to give the partition the name of what it holds.
    std::string rename(const Partition& partition, const std::optional<Slot>& holds) const {
        const Slot piece{codec_.decode(partition.bounds.lower),
                         codec_.decode(partition.bounds.upper)};
        if (!holds && (piece.lower == minus_infinity || piece.upper == plus_infinity))
            return "Rename it to what it holds.";
        const std::string name =
            holds ? slot_name(table(), grid(), *holds) : piece_name(table(), grid(), piece);
        if (name.size() > max_name_bytes)
            return "Rename it to what it holds.";
        const std::string statement = "ALTER TABLE " + sql_name(partition) + " RENAME TO " +
                                      inquiries_.identifier(name) + ";";
        return inquiries_.relation_exists(partition.schema_name, name)
                   ? "When the name is free: " + statement
                   : statement;
    }

    void check_owner(const Partition& partition) {
        if (partition.stranger)
            add(owner_differs(partition));
    }

    // This happens if partitions are created during a restore, before it adds the primary keys.
    void check_primary_key() {
        // With a template, new partitions get their primary key from it.
        if (parent_.lacks_primary_key && !parent_.configuration.template_name)
            add({AnomalyCode::missing_index,
                 {},
                 "Table " + in_quotes(parent_.configuration.qualified_name()) +
                     " has no primary key, but most of its partitions have one. New partitions do "
                     "not get one.",
                 "ALTER TABLE " + sql_name(parent_.configuration) +
                     " ADD PRIMARY KEY, with the columns of the partitions' primary keys. "
                     "PostgreSQL reuses those keys. It reads the rows of a partition without "
                     "one."});
    }

    // Foreign keys matter only if partitions are removed.
    void check_references() {
        if (!parent_.configuration.retention)
            return;
        for (const UnindexedReference& each : parent_.unindexed_references)
            others_.push_back(
                {AnomalyCode::unindexed_reference,
                 {},
                 "Table " + in_quotes(each.qualified_name()) + " refers to table " +
                     in_quotes(parent_.configuration.qualified_name()) + " by foreign key " +
                     in_quotes(each.constraint) +
                     " and has no index for that: when a partition is removed, PostgreSQL reads "
                     "all of the referring table, and its writers wait.",
                 create_index(each, inquiries_.identifier)});
    }

    // Reports how the partition differs from its parent.
    void check_differences(const Partition& partition) {
        check_owner(partition);
        for (const Difference& difference : partition.differences)
            add({difference.code, partition.name,
                 "Partition " + in_quotes(partition.name) + predicate_of(difference) + ".",
                 mend(partition, difference), difference.is_mild});
    }

    std::string mend(const Partition& partition, const Difference& difference) const {
        const std::string alter = "ALTER TABLE " + sql_name(partition);
        switch (difference.code) {
            case AnomalyCode::tablespace_differs:
                return "If it should not stay there: " + alter + " SET TABLESPACE " +
                       inquiries_.identifier(difference.expected) +
                       "; which rewrites it, with readers and writers waiting.";
            case AnomalyCode::replica_identity_differs:
                return alter + " REPLICA IDENTITY " + difference.expected + ";";
            case AnomalyCode::missing_index:
                return "Create it on the partition with CREATE INDEX CONCURRENTLY, then ALTER "
                       "INDEX " +
                       difference.expected + " ATTACH PARTITION, with its name.";
            default:
                return difference.expected;
        }
    }

    // Holes before and after the window. A partition that is being detached leaves none.
    void check_gaps() {
        if (parent_.partitions.empty())
            return;
        std::vector<BoundRange> covered;
        for (const Partition& partition : parent_.partitions)
            covered.push_back({codec_.canonical(partition.bounds.lower),
                               codec_.canonical(partition.bounds.upper)});
        const Bound begin = codec_.encode(std::max(windows_.work.lower, windows_.work.first));
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
                 "If rows of that time are to come, create a partition for them; otherwise nothing "
                 "has to be done."});
    }

    // Reports a detached table whose removal is not finished.
    void check(const DetachedPartition& detached) {
        const Partition& partition = detached.partition;
        if (!detached.is_detached || detached.is_repartitioned ||
            action_on(partition, plan_.provision) != nullptr)
            return;
        if (const LeftOut* const left_out = left_out_of(partition))
            return add_left_out(detached, *left_out);
        const Action* const next = action_on(partition, plan_.cleanup);
        const bool comes_back = next != nullptr && std::holds_alternative<AttachPartition>(*next);
        const bool was_to_go = detached.policy == CleanupPolicy::drop &&
                               !detached.waits(windows_.now) &&
                               parent_.configuration.cleanup_policy == CleanupPolicy::drop;
        if (!comes_back &&
            (!was_to_go || !plan_.refusals.empty() || (next == nullptr && plan_.clock_jump)))
            return;
        const std::string failure = last_failure(partition.name);
        std::string hint =
            next == nullptr ? keep_or_drop(partition) : again("cleanup", partition.name);
        if (next != nullptr && !comes_back && !failure.empty())
            hint += " tries again. " + keep_or_drop(partition);
        add({comes_back ? AnomalyCode::pending_detach : AnomalyCode::pending_drop, partition.name,
             "Table " + in_quotes(partition.qualified_name()) + ", of " + held(partition.bounds) +
                 ", was detached and " + fate(detached, next) + failure,
             std::move(hint)});
    }

    // If the table was changed, that anomaly says all there is to say.
    void add_left_out(const DetachedPartition& detached, const LeftOut& left_out) {
        const Partition& partition = detached.partition;
        if (left_out.reason.code == AnomalyCode::detached_changed)
            return add(left_out.reason);
        add({AnomalyCode::pending_detach, partition.name,
             "Table " + in_quotes(partition.qualified_name()) + ", of " + held(partition.bounds) +
                 ", was detached and got rows." + is_left(left_out),
             left_out.reason.hint});
    }

    // What cleanup does after it has finished the partition's detach.
    const char* what_follows_the_detach(const Partition& partition) const {
        for (const Action& action : plan_.cleanup) {
            const Partition* const existing = existing_partition(action);
            if (existing == nullptr || existing->relation != partition.relation)
                continue;
            if (const auto* const drop = std::get_if<DropPartition>(&action))
                return drop->only_if_empty
                           ? " Cleanup finishes it, and then drops the table."
                           : " Cleanup finishes it, and then drops the table. To keep it, raise "
                             "retention first.";
            if (std::holds_alternative<AttachPartition>(action))
                return " Cleanup finishes it, and then attaches the partition again.";
        }
        return "";
    }

    static const char* fate(const DetachedPartition& detached, const Action* next) {
        if (next != nullptr)
            return std::holds_alternative<AttachPartition>(*next)
                       ? "got rows: cleanup attaches it again."
                       : "is to be dropped.";
        return detached.is_unconfirmed
                   ? "was to be dropped. Cleanup leaves it: somebody else finished detaching "
                     "it."
                   : "was to be dropped. Cleanup leaves it: it has rows, or is no longer "
                     "outdated.";
    }

    std::string keep_or_drop(const Partition& partition) const {
        return "To keep it: DELETE FROM ppm.detached WHERE relation = " +
               std::to_string(partition.relation) + "; or, to lose its rows: DROP TABLE " +
               sql_name(partition) + ";";
    }

    static const Action* action_on(const Partition& partition, const std::vector<Action>& actions) {
        const auto found = std::ranges::find_if(actions, [&](const Action& action) {
            const Partition* const existing = existing_partition(action);
            return existing != nullptr && existing->relation == partition.relation &&
                   changes_partitions(action);
        });
        return found == actions.end() ? nullptr : &*found;
    }

    void add(Anomaly anomaly) { anomalies_.push_back(std::move(anomaly)); }

    const char* at() const { return codec_.counts() ? "at " : "on "; }
    const Grid& grid() const { return parent_.configuration.grid(); }
    const std::string& table() const { return parent_.configuration.table_name; }

    const Windows& windows_;
    const Plan& plan_;
    std::vector<Anomaly> anomalies_;
    std::vector<Anomaly> others_;  // all but those about missing partitions
};

}  // namespace

std::string create_index(const UnindexedReference& reference,
                         const std::function<std::string(const std::string&)>& identifier) {
    std::string columns;
    for (const std::string& column : reference.columns)
        columns += (columns.empty() ? "" : ", ") + identifier(column);
    return "CREATE INDEX CONCURRENTLY ON " + identifier(reference.schema_name) + "." +
           identifier(reference.table_name) + " (" + columns + ");";
}

std::vector<Anomaly> check(const Parent& parent, const KeyCodec& codec, const Windows& windows,
                           const Plan& plan, const Inquiries& inquiries) {
    return AnomalyFinder{parent, codec, windows, plan, inquiries}.check();
}

}  // namespace ppm
