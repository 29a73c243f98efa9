// Random states of the table public.orders from which something is to be removed.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/grid/coverage.hpp"
#include "random_orders.hpp"

namespace ppm {

class RandomRemovals : public RandomOrders {
  public:
    RandomRemovals(const Grid& grid, const Key& key, const TimeZone& zone, unsigned seed)
        : RandomRemovals{grid, key, zone, Random{std::mt19937{seed}}} {}

    RandomRemovals(const Grid& grid, const Key& key, const TimeZone& zone, Random random)
        : RandomOrders{grid, key, zone, std::move(random), 4} {
        Configuration& configuration = orders.parent.configuration;
        configuration.cleanup_policy = policy();
        configuration.pre_provisioned = pre_provisioned_;
        configuration.retention = one_in(5) ? std::nullopt : std::optional{retention_};
        const Position other = orders.codec.counts() ? now_ : time_beside_now();
        windows = {window_of(now_, configuration.retention),
                   window_of(other, configuration.retention)};
        if (one_in(2))
            std::swap(windows.work, windows.today);

        for (int count = below(5); count > 0; --count)
            add_detached();
        for (const Partition& each : orders.parent.partitions)
            if (each.detach_pending && one_in(2))
                add_intent(each);
        add_rows();
        add_what_was_done();
    }

    Windows windows{};

  private:
    CleanupPolicy policy() { return one_in(2) ? CleanupPolicy::detach : CleanupPolicy::drop; }

    // The same time, one not far away, or any.
    Position time_beside_now() {
        const int which = below(3);
        if (which == 0)
            return now_;
        if (which == 1)
            return day();
        const LocalTime time = slots_after(grid_, slot_at(grid_, now_).lower, below(13) - 6).time();
        return std::clamp<LocalTime>(time, calendar_begin, calendar_end - std::chrono::days{1});
    }

    // What lies anywhere, or only where no partition does.
    void add_detached() {
        const BoundRange range = some_range();
        if (range.empty())
            return;
        if (one_in(3)) {
            add_detached(range);
            return;
        }
        std::vector<BoundRange> taken;
        for (const Partition& each : orders.parent.partitions)
            taken.push_back(each.bounds);
        for (const BoundRange& hole : holes_in(range, taken))
            add_detached(hole);
    }

    BoundRange some_range() {
        if (one_in(2)) {
            const Slot slot = slot_at(grid_, edge());
            return {orders.codec.encode(slot.lower), orders.codec.encode(slot.upper)};
        }
        const Bound one = one_in(8) ? Bound::min_value() : bound();
        const Bound other = one_in(12) ? Bound::max_value() : bound();
        return {std::min(one, other), std::max(one, other)};
    }

    void add_detached(const BoundRange& bounds) {
        Partition partition = orders.partition(some_name(bounds), bounds);
        if (orders.relation_exists(partition.name))
            partition.name = "orders_" + std::to_string(partition.relation);
        if (one_in(12))
            partition.schema_name = "archive";
        orders.add_detached({std::move(partition), policy(), true});
    }

    void add_intent(Partition partition) {
        partition.detach_pending = false;
        orders.add_detached({std::move(partition), policy(), false});
    }

    void add_rows() {
        for (const Partition& each : orders.parent.partitions)
            if (one_in(2))
                orders.with_rows.insert(each.name);
        for (const DetachedPartition& each : orders.parent.detached)
            if (one_in(2))
                orders.with_rows.insert(each.partition.name);
        if (orders.codec.may_lack_time() && one_in(4))
            for (const std::string& each : orders.with_rows)
                if (one_in(4))
                    orders.keys_without_time.insert({each, key_without_time()});
    }

    Bound key_without_time() const {
        return is_text(orders.codec.type()) ? Bound::of_text("lowercase")
                                            : Bound::of_bytes({0x8f, 0x3c});
    }

    // By people: a partition that was kept once, a detached table that was changed.
    void add_what_was_done() {
        for (Partition& each : orders.parent.partitions)
            each.was_kept = one_in(3);
        for (const DetachedPartition& each : orders.parent.detached)
            if (one_in(4))
                orders.changed.insert(each.partition.name);
        orders.parent.forgets_what_was_kept = one_in(8);
    }
};

}  // namespace ppm
