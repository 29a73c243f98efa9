#include "core/plan/removal.hpp"

#include <algorithm>
#include <optional>
#include <variant>

#include "core/key/uuidv7.hpp"
#include "core/plan/capabilities.hpp"
#include "core/plan/clock_judge.hpp"
#include "core/plan/state.hpp"
#include "core/text.hpp"

namespace ppm {

namespace {

class RemovalPlanner {
  public:
    RemovalPlanner(const Parent& parent, const KeyCodec& codec, const Windows& windows,
                   const Lookups& lookups, Plan& plan)
        : parent_{parent}, codec_{codec}, windows_{windows}, lookups_{lookups}, plan_{plan} {}

    void remove() {
        judge_clock();
        finish_what_was_begun();
        for (const Partition* partition : in_order_of_removal())
            if (!partition->detach_pending && may_go(*partition))
                remove(*partition);
        if (auto reason = doubt()) {
            std::erase_if(plan_.cleanup, is_removal);
            plan_.later.clear();
            plan_.refusals.push_back(*std::move(reason));
        }
    }

  private:
    // By lower bound. If the table has a foreign key to itself, younger partitions go first: rows
    // mostly refer to older rows.
    std::vector<const Partition*> in_order_of_removal() const {
        std::vector<const Partition*> order;
        for (const Partition& partition : parent_.partitions)
            order.push_back(&partition);
        if (parent_.refers_to_itself)
            std::ranges::reverse(order);
        return order;
    }

    Place place_in(const Window& window, const BoundRange& bounds) const {
        return ppm::place_in(window, codec_, bounds);
    }

    // A mistyped or forgotten work date loses no rows: a partition with rows must be outdated by
    // the real date, too.
    bool is_outdated(const BoundRange& bounds) const {
        return place_in(windows_.work, bounds) == Place::outdated &&
               place_in(windows_.today, bounds) == Place::outdated;
    }

    // A partition without an upper bound was created for unexpected rows: it is not surplus.
    bool is_surplus(const BoundRange& bounds) const {
        return place_in(windows_.work, bounds) != Place::inside &&
               place_in(windows_.today, bounds) != Place::inside && !is_outdated(bounds) &&
               codec_.decode(bounds.lower) != minus_infinity && !codec_.is_open_ended(bounds) &&
               knows_end_of_rows();
    }

    // Whether no rows can lie above those that were found.
    bool knows_end_of_rows() const {
        const auto& key = parent_.greatest_key;
        return !codec_.counts() || (key && key->greatest && key->is_certain);
    }

    // Whether the range is removed even if it has rows.
    bool goes_as_outdated(const BoundRange& bounds) const {
        return is_outdated(bounds) && !plan_.outdated_in_doubt;
    }

    bool goes_as_surplus(const BoundRange& bounds) const {
        return is_surplus(bounds) && !plan_.surplus_in_doubt;
    }

    bool may_go(const Partition& partition) const {
        return goes_as_outdated(partition.bounds) ||
               (goes_as_surplus(partition.bounds) && lookups_.is_empty(partition));
    }

    void finish_what_was_begun() {
        for (const Partition& partition : parent_.partitions)
            if (partition.detach_pending)
                plan_.cleanup.emplace_back(FinalizeDetach{partition, is_surplus(partition.bounds)});
        for (const DetachedPartition& detached : parent_.detached)
            drop_or_attach(detached);
    }

    void drop_or_attach(const DetachedPartition& detached) {
        const Partition& partition = detached.partition;
        if (detached.is_repartitioned) {
            if (is_to_be_dropped(detached))
                drop(detached, false);
            return;
        }
        const bool surplus = is_surplus(partition.bounds);
        if (surplus && !lookups_.is_empty(partition)) {
            if (detached.is_detached && !plan_.surplus_in_doubt &&
                place_in(windows_.today, partition.bounds) != Place::outdated &&
                !is_taken(partition.bounds))
                attach_again(detached);
        } else if (is_to_be_dropped(detached) &&
                   (goes_as_surplus(partition.bounds) || goes_as_outdated(partition.bounds)))
            drop(detached, surplus);
        else if (!detached.is_detached && is_wanted(detached))
            attach_again(detached);
    }

    // Whether a partition whose detach was interrupted is not outdated any more. What was to be
    // kept comes back only if provision would attach it, too: not with a retention of null, nor if
    // nothing would remember that it was kept.
    bool is_wanted(const DetachedPartition& detached) const {
        return place_in(windows_.today, detached.partition.bounds) == Place::inside &&
               (detached.policy == CleanupPolicy::drop ||
                (!windows_.today.keeps_everything && !parent_.forgets_what_was_kept));
    }

    void drop(const DetachedPartition& detached, bool only_if_empty) {
        const Partition& partition = detached.partition;
        if (detached.waits(windows_.now))
            plan_.later.push_back({partition, "after " + detached.drop_after->text});
        else if (!detached.drop_after || !waiting_in_doubt_)
            plan_.cleanup.emplace_back(DropPartition{partition, only_if_empty});
    }

    void attach_again(const DetachedPartition& detached) {
        const Partition& partition = detached.partition;
        if (parent_.default_partition && parent_.default_partition->stranger)
            plan_.left_out.push_back(
                {partition.relation, owner_differs(*parent_.default_partition)});
        else if (const std::string change = lookups_.change_of(detached); !change.empty())
            plan_.left_out.push_back(
                {partition.relation, detached_changed(parent_, codec_, partition, change)});
        else
            plan_.cleanup.emplace_back(AttachPartition{partition, detached.home_schema});
    }

    bool is_to_be_dropped(const DetachedPartition& detached) const {
        return detached.policy == CleanupPolicy::drop && !detached.is_unconfirmed &&
               parent_.configuration.cleanup_policy == CleanupPolicy::drop;
    }

    bool would_remove_outdated() const {
        return std::ranges::any_of(parent_.partitions,
                                   [&](const Partition& each) {
                                       return !each.detach_pending && is_outdated(each.bounds);
                                   }) ||
               std::ranges::any_of(parent_.detached, [&](const DetachedPartition& each) {
                   return is_to_be_dropped(each) && !each.waits(windows_.now) &&
                          !each.is_repartitioned && is_outdated(each.partition.bounds);
               });
    }

    bool would_drop_what_waited() const {
        return std::ranges::any_of(parent_.detached, [&](const DetachedPartition& each) {
            return is_to_be_dropped(each) && each.drop_after && !each.waits(windows_.now);
        });
    }

    // Or would attach a surplus table again.
    bool would_remove_surplus() const {
        return std::ranges::any_of(parent_.partitions,
                                   [&](const Partition& each) {
                                       return !each.detach_pending && is_surplus(each.bounds) &&
                                              lookups_.is_empty(each);
                                   }) ||
               std::ranges::any_of(parent_.detached, [&](const DetachedPartition& each) {
                   return !each.is_repartitioned && is_surplus(each.partition.bounds);
               });
    }

    bool would_drop_later() const {
        return std::ranges::any_of(parent_.detached, [&](const DetachedPartition& each) {
            return is_to_be_dropped(each) && each.waits(windows_.now);
        });
    }

    // Only the first of several doubts is reported.
    void judge_clock() {
        const ClockJudge judge{parent_, codec_, windows_, lookups_};
        plan_.outdated_in_doubt = would_remove_outdated() && judge.doubts_outdated();
        waiting_in_doubt_ = would_drop_what_waited() && judge.doubts_waiting();
        plan_.surplus_in_doubt = judge.doubts_surplus() && would_remove_surplus();
        if (plan_.outdated_in_doubt)
            plan_.clock_jump = judge.outdated_in_doubt();
        else if (waiting_in_doubt_)
            plan_.clock_jump = judge.waiting_in_doubt();
        else if (plan_.surplus_in_doubt)
            plan_.clock_jump = judge.surplus_in_doubt();
        else if (would_drop_later() && judge.doubts_waits_to_come())
            plan_.clock_jump = judge.waits_in_doubt();
    }

    static bool is_removal(const Action& action) {
        return std::holds_alternative<DetachPartition>(action) ||
               std::holds_alternative<DropPartition>(action);
    }

    // Why nothing of the table is known to be outdated or surplus.
    std::optional<Anomaly> doubt() const {
        if (codec_.counts())
            return key_jump();
        if (codec_.key().encoding && !rows_are_of_now())
            return wrong_encoding();
        if (!codec_.may_lack_time() || std::ranges::none_of(plan_.cleanup, is_removal))
            return std::nullopt;
        const auto bound = bound_without_time();
        return bound ? bound : key_without_time();
    }

    // One mistaken key would make all others outdated.
    std::optional<Anomaly> key_jump() const {
        const Configuration& configuration = parent_.configuration;
        const auto& key = parent_.greatest_key;
        if (!key || !has_jumped(*key, configuration.grid(), configuration.pre_provisioned))
            return std::nullopt;
        return Anomaly{
            AnomalyCode::key_jump,
            {},
            "The greatest key of table " + in_quotes(configuration.qualified_name()) + " is " +
                codec_.text(*key->greatest) + ", more than pre_provisioned (" +
                std::to_string(configuration.pre_provisioned) + ") slots above " +
                (key->next ? "the next lower one, " + codec_.text(*key->next)
                           : "the first one, " + codec_.text(key->start)) +
                ": nothing of the table is removed.",
            key->has_own_partition
                ? "If that key is a mistake, delete its row. If not, cleanup continues as soon as "
                  "the slots below it have rows, too."
                : "If that key is a mistake, delete its row. If not, create a partition for it. "
                  "CALL "
                  "ppm.repartition() does, if the row is in the default partition."};
    }

    // With a wrong encoding all rows seem to be of another time, such as 1970.
    bool rows_are_of_now() const {
        if (!lookups_.looks_into_partitions)
            return true;
        bool has_rows_outside = false;
        for (const Partition& each : parent_.partitions) {
            if (each.detach_pending)
                continue;
            const bool is_inside = place_in(windows_.work, each.bounds) == Place::inside ||
                                   place_in(windows_.today, each.bounds) == Place::inside;
            if ((is_inside || !has_rows_outside) && !lookups_.is_empty(each)) {
                if (is_inside)
                    return true;
                has_rows_outside = true;
            }
        }
        return !has_rows_outside;
    }

    Anomaly wrong_encoding() const {
        return {
            AnomalyCode::encoding_suspect,
            {},
            "All partitions of table " + in_quotes(parent_.configuration.qualified_name()) +
                " that have rows lie outside the window, " +
                codec_.range_text({windows_.work.lower, windows_.work.upper}) +
                ": its keys might not be encoded as " +
                std::string{name_of(*codec_.key().encoding)} + ". Nothing of the table is removed.",
            "If key_encoding in ppm.config is wrong, correct it. If it is right, cleanup continues "
            "as soon as there are rows in the window."};
    }

    std::optional<Anomaly> bound_without_time() const {
        for (const Partition& partition : parent_.partitions)
            if (auto anomaly = bound_without_time(partition))
                return anomaly;
        for (const DetachedPartition& detached : parent_.detached)
            if (auto anomaly = bound_without_time(detached.partition))
                return anomaly;
        return std::nullopt;
    }

    std::optional<Anomaly> bound_without_time(const Partition& partition) const {
        if (!codec_.is_time_bound(partition.bounds.lower))
            return suspect(partition, "begins at ", partition.bounds.lower);
        if (!codec_.is_time_bound(partition.bounds.upper))
            return suspect(partition, "ends at ", partition.bounds.upper);
        return std::nullopt;
    }

    // Also looks into partitions outside the window that stay because they have rows.
    std::optional<Anomaly> key_without_time() const {
        for (const Partition& partition : parent_.partitions)
            if (!partition.detach_pending &&
                (is_outdated(partition.bounds) || is_surplus(partition.bounds)))
                if (const auto key = lookups_.key_without_time(partition))
                    return suspect(partition, "has a row with the key ", *key);
        for (const Action& action : plan_.cleanup)
            if (std::holds_alternative<DropPartition>(action))
                if (const auto key = lookups_.key_without_time(*existing_partition(action)))
                    return suspect(*existing_partition(action), "has a row with the key ", *key);
        return std::nullopt;
    }

    Anomaly suspect(const Partition& partition, const char* what, Bound bound) const {
        return {
            AnomalyCode::encoding_suspect, partition.name,
            "Partition " + in_quotes(partition.name) + " of table " +
                in_quotes(parent_.configuration.qualified_name()) + " " + what +
                key_text(codec_, bound) + ", which is not a " + key_noun(codec_) +
                " and does not tell the time: nothing of the table is removed.",
            is_text(codec_.type())
                ? "If the table holds other texts, delete its row from ppm.config. If this one "
                  "is a mistake, correct it, and call ppm.cleanup()."
                : "If the table holds UUIDs of another version, delete its row from ppm.config. "
                  "If this one is a mistake, correct it, and call ppm.cleanup()."};
    }

    // Whether a partition covers these bounds, or will cover them.
    bool is_taken(const BoundRange& bounds) const {
        const auto overlaps = [&](const BoundRange& each) { return each.overlaps(bounds); };
        return std::ranges::any_of(parent_.partitions, overlaps, &Partition::bounds) ||
               std::ranges::any_of(plan_.provision, overlaps, bounds_of) ||
               std::ranges::any_of(plan_.cleanup, [&](const Action& action) {
                   return std::holds_alternative<AttachPartition>(action) &&
                          overlaps(bounds_of(action));
               });
    }

    void remove(const Partition& partition) {
        if (partition.stranger) {
            plan_.left_out.push_back({partition.relation, owner_differs(partition)});
            return;
        }
        const bool only_if_empty = !is_outdated(partition.bounds);
        plan_.cleanup.emplace_back(DetachPartition{
            partition, capabilities_of(parent_).detaches_concurrently, only_if_empty});
        if (policy_for(parent_.configuration, partition) != CleanupPolicy::drop)
            return;
        if (const std::string& delay = parent_.configuration.drop_delay; delay.empty())
            plan_.cleanup.emplace_back(DropPartition{partition, only_if_empty});
        else
            plan_.later.push_back({partition, delay + " after it was detached"});
    }

    const Parent& parent_;
    const KeyCodec& codec_;
    const Windows& windows_;
    const Lookups& lookups_;
    Plan& plan_;
    bool waiting_in_doubt_ = false;  // drop_delay may not really have passed
};

}  // namespace

std::string key_text(const KeyCodec& codec, Bound key) {
    return is_text(codec.type()) ? in_single_quotes(key.text()) : to_text(key.bytes());
}

std::string key_noun(const KeyCodec& codec) {
    return is_text(codec.type()) ? "ULID" : "UUID of version 7";
}

void plan_removal(const Parent& parent, const KeyCodec& codec, const Windows& windows,
                  const Lookups& lookups, Plan& plan) {
    RemovalPlanner{parent, codec, windows, lookups, plan}.remove();
}

Anomaly detached_changed(const Parent& parent, const KeyCodec& codec, const Partition& detached,
                         const std::string& change) {
    return {
        AnomalyCode::detached_changed, detached.name,
        "Table " + in_quotes(detached.qualified_name()) + ", which ppm detached from table " +
            in_quotes(parent.configuration.qualified_name()) + " and which holds " +
            codec.range_text(detached.bounds) + ", " + change + ".",
        "Check what happened to it. Then attach it yourself; or rename it and delete its row from "
        "ppm.detached, and a new partition takes its place."};
}

}  // namespace ppm
