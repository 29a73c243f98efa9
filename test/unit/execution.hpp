// Executes plans on the table in memory, as ppm does on the real one, and tells what PostgreSQL or
// ppm itself would refuse.
#pragma once

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "orders.hpp"

namespace ppm {

class Execution {
  public:
    explicit Execution(Orders& orders) : orders_{orders} {}

    void execute(const Plan& plan) {
        execute(plan.provision);
        execute(plan.cleanup);
    }
    void execute(const std::vector<Action>& actions) {
        for (const Action& action : actions)
            std::visit([&](const auto& each) { execute(each); }, action);
    }

    Lines refused;
    Lines called;  // hooks

  private:
    void execute(const CreatePartition& create) {
        if (orders_.relation_exists(create.name) || is_taken(create.bounds))
            return refuse(create);
        const Partition partition = orders_.partition(create.name, create.bounds);
        orders_.just_made.insert(partition.relation);
        orders_.add(partition);
    }

    void execute(const AttachPartition& attach) {
        const auto entry = detached(attach.partition);
        if (entry == ledger().end() || !entry->is_detached || is_taken(attach.partition.bounds) ||
            orders_.changed.count(attach.partition.name) > 0)
            return refuse(attach);
        Partition partition = entry->partition;
        partition.was_kept = entry->policy == CleanupPolicy::detach;
        if (!attach.home_schema.empty())
            partition.schema_name = attach.home_schema;
        orders_.add(std::move(partition));
        ledger().erase(entry);
    }

    // Somebody else's is kept.
    void execute(const FinalizeDetach& finalize) {
        const auto partition = attached(finalize.partition);
        if (partition == partitions().end() || !partition->detach_pending)
            return refuse(finalize);
        detach(partition, CleanupPolicy::detach);
    }

    void execute(const DetachPartition& action) {
        const auto partition = attached(action.partition);
        if (partition == partitions().end() || any_is_pending() ||
            action.concurrently == orders_.parent.default_partition.has_value() ||
            (action.only_if_empty && orders_.has_rows(action.partition)))
            return refuse(action);
        detach(partition, policy_for(orders_.parent.configuration, *partition));
    }

    void execute(const DropPartition& drop) {
        const auto entry = detached(drop.partition);
        if (entry == ledger().end() || !entry->is_detached || entry->policy != CleanupPolicy::drop)
            return refuse(drop);
        if (!drop.only_if_empty || !orders_.has_rows(drop.partition))
            ledger().erase(entry);
    }

    void execute(const ArchiveTable& archive) {
        const auto entry = detached(archive.partition);
        if (entry == ledger().end() || !entry->is_detached ||
            entry->partition.schema_name == archive.schema_name)
            return refuse(archive);
        entry->home_schema = entry->partition.schema_name;
        entry->partition.schema_name = archive.schema_name;
    }

    void execute(const CallHook& hook) { called.push_back(line_of(hook)); }

    void detach(std::vector<Partition>::iterator partition, CleanupPolicy policy) {
        partition->detach_pending = false;
        if (const auto known = detached(*partition); known != ledger().end())
            known->is_detached = true;
        else
            orders_.add_detached({*partition, policy, true});
        partitions().erase(partition);
    }

    void refuse(const auto& action) { refused.push_back(line_of(action)); }

    bool is_taken(const BoundRange& bounds) {
        return std::any_of(partitions().begin(), partitions().end(),
                           [&](const Partition& each) { return each.bounds.overlaps(bounds); });
    }

    bool any_is_pending() {
        return std::any_of(partitions().begin(), partitions().end(),
                           [](const Partition& each) { return each.detach_pending; });
    }

    std::vector<Partition>& partitions() { return orders_.parent.partitions; }
    std::vector<DetachedPartition>& ledger() { return orders_.parent.detached; }

    std::vector<Partition>::iterator attached(const Partition& partition) {
        return std::find_if(partitions().begin(), partitions().end(), [&](const Partition& each) {
            return each.relation == partition.relation;
        });
    }
    std::vector<DetachedPartition>::iterator detached(const Partition& partition) {
        return std::find_if(ledger().begin(), ledger().end(), [&](const DetachedPartition& each) {
            return each.partition.relation == partition.relation;
        });
    }

    Orders& orders_;
};

}  // namespace ppm
