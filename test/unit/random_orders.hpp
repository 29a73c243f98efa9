// Random states of the table public.orders, for properties that every plan must have.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "core/naming.hpp"
#include "orders.hpp"

namespace ppm {

// Any 32 bits, again and again.
using Random = std::function<std::uint32_t()>;

class RandomOrders {
  public:
    RandomOrders(Interval interval, KeyType key_type, const TimeZone& zone, unsigned seed,
                 int reach = 1)
        : RandomOrders{interval, key_type, zone, Random{std::mt19937{seed}}, reach} {}

    // Partitions lie in the window, or up to `reach` slots beside it.
    RandomOrders(Interval interval, KeyType key_type, const TimeZone& zone, Random random,
                 int reach)
        : orders{interval, key_type, zone},
          random_{std::move(random)},
          zone_{zone},
          interval_{interval},
          reach_{reach} {
        // Each in a statement of its own: compilers differ in the order of arguments.
        now_ = day() + std::chrono::minutes{below(24 * 60)};
        pre_provisioned_ = 1 + below(4);
        retention_ = below(4);
        window = window_of(now_, retention_);

        if (one_in(4))
            orders.parent.configuration.table_name = std::string(one_in(2) ? 40U : 46U, 'o');
        if (one_in(6))
            orders.add_default(one_in(2) ? "orders_default" : some_slot_name());
        add_partitions();
        while (one_in(4))
            if (const std::string name = some_slot_name(); !orders.relation_exists(name))
                orders.other_relations.insert(name);
    }

    Orders orders;
    Window window{};

  protected:
    int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }
    bool one_in(int cases) { return below(cases) == 0; }

    LocalTime between(LocalTime lower, LocalTime upper) {
        const auto length =
            static_cast<std::uint64_t>(std::max((upper - lower).count(), std::int64_t{1}));
        std::uint64_t wide = random_();
        wide = wide << 32 | random_();
        return lower + std::chrono::microseconds{static_cast<std::int64_t>(wide % length)};
    }

    // A day near what is difficult, or any day.
    Date day() {
        constexpr const char* difficult[] = {"2011-12-30", "2018-11-04", "2019-02-17",
                                             "1970-01-01", "0001-01-09", "9999-12-20",
                                             "2026-03-08", "2026-11-01", "2026-04-05"};
        if (const int which = below(18); which < 9)
            return civil_day(difficult[which]);
        const LocalTime time = between(civil("1960-01-01"), civil("2160-01-01"));
        return std::chrono::floor<std::chrono::days>(time);
    }

    Window window_of(LocalTime now, std::optional<int> retention) const {
        return window_at(zone_.instant(now), orders.codec, interval_, pre_provisioned_, retention);
    }

    Interval some_interval() {
        return all_intervals[static_cast<std::size_t>(below(std::size(all_intervals)))];
    }

    LocalTime edge() {
        const LocalTime time =
            between(std::max(slots_after(interval_, window.lower.time(), -reach_), calendar_begin),
                    slots_after(interval_, window.upper.time(), reach_));
        switch (below(8)) {
            case 0:
                return slot_at(some_interval(), time).lower.time();
            case 1:
                return std::chrono::floor<std::chrono::days>(time);
            case 2:
                return std::chrono::floor<std::chrono::hours>(time);
            case 3:
                return time;
            default:
                return slot_at(interval_, time).lower.time();
        }
    }

    Bound bound() {
        const Bound bound = orders.codec.encode(edge());
        if (orders.codec.type() != KeyType::uuid || one_in(3))
            return bound;
        Uuid uuid = bound.bytes();
        uuid[6] = uuid[8] = 0;  // as other tools write it
        if (one_in(8))
            uuid[static_cast<std::size_t>(6 + below(10))] = static_cast<std::uint8_t>(below(256));
        return Bound::of_bytes(uuid);
    }

    // Cuts the line of all keys at random bounds and makes partitions of some of the parts.
    void add_partitions() {
        std::set<Bound> cuts{Bound::min_value(), Bound::max_value()};
        for (int count = below(12); count > 0; --count)
            cuts.insert(bound());

        const int covered_percent = 25 * below(5);
        for (auto lower = cuts.begin(), upper = std::next(lower); upper != cuts.end();
             ++lower, ++upper)
            if (const bool endless = lower == cuts.begin() || std::next(upper) == cuts.end();
                below(100) < (endless ? 20 : covered_percent))
                add_partition({*lower, *upper});
    }

    void add_partition(const BoundRange& bounds) {
        Partition partition = orders.partition(some_name(bounds), bounds);
        if (orders.relation_exists(partition.name))
            partition.name = "orders_" + std::to_string(partition.relation);
        if (one_in(12))
            partition.schema_name = "archive";
        partition.detach_pending = one_in(12);
        orders.add(std::move(partition));
    }

    // The right name for these bounds, or the name of something else.
    std::string some_name(const BoundRange& bounds) {
        if (one_in(8))
            return some_slot_name();
        const std::string& table = orders.parent.configuration.table_name;
        const Position lower = orders.codec.decode(bounds.lower);
        const Position upper = orders.codec.decode(bounds.upper);
        if (lower == minus_infinity || upper == plus_infinity || one_in(8))
            return "orders_legacy";
        const Slot slot = slot_at(interval_, lower.time());
        return slot == Slot{lower, upper} ? slot_name(table, interval_, slot)
                                          : piece_name(table, interval_, {lower, upper});
    }

    std::string some_slot_name() {
        return slot_name(orders.parent.configuration.table_name, interval_,
                         slot_at(interval_, between(window.lower.time(), window.upper.time())));
    }

    Random random_;
    const TimeZone& zone_;
    Interval interval_;
    int reach_;
    LocalTime now_{};
    int pre_provisioned_ = 0;
    int retention_ = 0;
};

}  // namespace ppm
