#include "core/check/missing.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <variant>

#include "core/check/wording.hpp"
#include "core/text.hpp"

namespace ppm {

namespace {

class Missing : Wording {
  public:
    Missing(const Parent& parent, const KeyCodec& codec, const Plan& plan,
            const Inquiries& inquiries, const std::vector<Anomaly>& known)
        : Wording{parent, codec, inquiries}, plan_{plan}, known_{known} {}

    std::vector<Anomaly> find() {
        look_into_default();
        std::multimap<Bound, std::variant<const Action*, const Obstacle*>> missing;
        for (const Action& action : plan_.provision)
            if (changes_partitions(action))
                missing.emplace(bounds_of(action).lower, &action);
        for (const Obstacle& obstacle : plan_.obstacles)
            missing.emplace(obstacle.wanted.bounds.lower, &obstacle);
        for (const auto& [lower, what] : missing)
            std::visit([&](const auto* each) { add(*each); }, what);
        anomalies_.insert(anomalies_.end(), default_rows_.begin(), default_rows_.end());
        return std::move(anomalies_);
    }

  private:
    void add(const Action& action) {
        const Partition* const detached = existing_partition(action);
        const std::string& name = partition_of(action);
        add({AnomalyCode::missing_partition, name,
             not_covered(held(bounds_of(action))) +
                 (detached == nullptr ? "."
                                      : ". Table " + in_quotes(detached->name) +
                                            ", which ppm detached, holds it.") +
                 (kept_out_.contains(name) ? "" : last_failure(name)),
             kept_out_.contains(name) ? mend(AnomalyCode::default_has_rows)
             : detached == nullptr    ? again("provision", name)
                                      : attach_again(*detached)});
    }

    // ppm does not attach a changed table, even if it is changed to be like its parent again.
    std::string attach_again(const Partition& detached) const {
        const LastFailure failure = inquiries_.last_failure(detached.name);
        if (failure.message.empty() || failure.passes)
            return call_of("provision");
        return "Make the detached table like its parent, and attach it yourself: ALTER TABLE " +
               sql_name(parent_.configuration) + " ATTACH PARTITION " + sql_name(detached) +
               ", with its bounds from ppm.detached. Or rename it and delete its row from "
               "ppm.detached, and a new partition takes its place.";
    }

    void add(const Obstacle& obstacle) {
        add({AnomalyCode::missing_partition, obstacle.wanted.name,
             not_covered(codec_.range_text(obstacle.wanted.slot)) + ".",
             mend(obstacle.reason.code)});
        if (!is_known(obstacle.reason))
            add(obstacle.reason);
    }

    std::string mend(AnomalyCode obstacle) const {
        return "Fix what stands in its way (" + std::string{name_of(obstacle)} + "), then " +
               call_of("provision");
    }

    // A partition may be an obstacle to several slots, and an anomaly itself.
    bool is_known(const Anomaly& reason) const {
        const auto is_same = [&](const Anomaly& each) {
            return each.code == reason.code && each.partition == reason.partition &&
                   (each.code == AnomalyCode::pending_detach || each.detail == reason.detail);
        };
        return std::ranges::any_of(known_, is_same) || std::ranges::any_of(anomalies_, is_same);
    }

    // Also looks for rows of slots that have another obstacle.
    void look_into_default() {
        if (!parent_.default_partition)
            return;
        std::vector<BoundRange> wanted;
        std::vector<std::string> names;
        for (const Action& action : plan_.provision) {
            if (!changes_partitions(action))
                continue;
            wanted.push_back(bounds_of(action));
            names.push_back(partition_of(action));
        }
        for (const Obstacle& obstacle : plan_.obstacles) {
            wanted.push_back(obstacle.wanted.bounds);
            names.push_back(obstacle.wanted.name);
        }
        if (wanted.empty())
            return;
        const std::string& name = parent_.default_partition->name;
        const std::vector<bool> found = inquiries_.default_has_rows(wanted);
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            if (!found[i])
                continue;
            kept_out_.insert(names[i]);
            default_rows_.push_back({AnomalyCode::default_has_rows, name,
                                     "Default partition " + in_quotes(name) + " has rows of " +
                                         held(wanted[i]) + ", which keep partition " +
                                         in_quotes(names[i]) + " out.",
                                     parent_.table->is_distributed
                                         ? "Move these rows out of it. Then " + call_of("provision")
                                         : repartition_and(" then " + call_of("provision"))});
        }
    }

    void add(Anomaly anomaly) { anomalies_.push_back(std::move(anomaly)); }

    const Plan& plan_;
    const std::vector<Anomaly>& known_;
    std::set<std::string> kept_out_;  // partitions that the default partition's rows keep out
    std::vector<Anomaly> default_rows_;
    std::vector<Anomaly> anomalies_;
};

}  // namespace

std::vector<Anomaly> missing_partitions(const Parent& parent, const KeyCodec& codec,
                                        const Plan& plan, const Inquiries& inquiries,
                                        const std::vector<Anomaly>& known) {
    return Missing{parent, codec, plan, inquiries, known}.find();
}

}  // namespace ppm
