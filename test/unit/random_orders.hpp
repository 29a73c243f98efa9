// Random states of the table public.orders, for properties that every plan must have.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "core/grid/greatest_key.hpp"
#include "core/grid/naming.hpp"
#include "core/key/uuidv7.hpp"
#include "orders.hpp"

namespace ppm {

// Any 32 bits, again and again.
using Random = std::function<std::uint32_t()>;

class RandomOrders {
  public:
    RandomOrders(const Grid& grid, const Key& key, const TimeZone& zone, unsigned seed,
                 int reach = 1)
        : RandomOrders{grid, key, zone, Random{std::mt19937{seed}}, reach} {}

    // Partitions lie in the window, or up to `reach` slots beside it.
    RandomOrders(const Grid& grid, const Key& key, const TimeZone& zone, Random random, int reach)
        : orders{grid, key, zone},
          random_{std::move(random)},
          zone_{zone},
          grid_{grid},
          reach_{reach} {
        // Each in a statement of its own: compilers differ in the order of arguments.
        now_ = orders.codec.counts() ? number() : some_time();
        pre_provisioned_ = 1 + below(4);
        retention_ = below(4);
        if (orders.codec.counts())
            orders.parent.greatest_key = some_greatest_key();
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

    std::uint64_t wide() {
        const std::uint64_t half = random_();
        return half << 32 | random_();
    }

    Position between(Position lower, Position upper) {
        const auto length = upper > lower ? static_cast<std::uint64_t>(upper.number()) -
                                                static_cast<std::uint64_t>(lower.number())
                                          : 1;
        return Position{static_cast<std::int64_t>(static_cast<std::uint64_t>(lower.number()) +
                                                  wide() % length)};
    }

    // A number of the key's type: near one of its ends, near 0, or any.
    Position number() {
        const auto [least, greatest] = limits_of(orders.codec.type());
        constexpr std::int64_t near = 3000;
        switch (below(8)) {
            case 0:
                return between(Position{least}, Position{least + near});
            case 1:
                return between(Position{greatest - near}, Position{greatest});
            case 2:
                return between(Position{-near}, Position{near});
            default:
                return between(Position{least}, Position{greatest});
        }
    }

    static std::pair<std::int64_t, std::int64_t> limits_of(KeyType type) {
        switch (type) {
            case KeyType::smallint:
                return {std::numeric_limits<std::int16_t>::min(),
                        std::numeric_limits<std::int16_t>::max()};
            case KeyType::integer:
                return {std::numeric_limits<std::int32_t>::min(),
                        std::numeric_limits<std::int32_t>::max()};
            default:
                return {std::numeric_limits<std::int64_t>::min(),
                        std::numeric_limits<std::int64_t>::max() - 1};
        }
    }

    // With another one below it: near it, far from it, or none.
    GreatestKey some_greatest_key() {
        GreatestKey key;
        key.start = one_in(2) ? Position{} : number();
        if (one_in(8))
            return key;
        key.greatest = now_;
        const Position lower = slot_at(grid_, now_).lower;
        const Position least{limits_of(orders.codec.type()).first};
        if (!one_in(4) && lower > least)
            key.next = between(
                std::max(slots_after(grid_, lower, -1 - below(2 * pre_provisioned_)), least),
                lower);
        key.has_own_partition = !one_in(4);
        key.others_have = key.has_own_partition || one_in(2);
        key.is_certain = !one_in(8);
        return key;
    }

    Position some_time() {
        const Date date = day();
        return date + std::chrono::minutes{below(24 * 60)};
    }

    // A day near what is difficult, or any day.
    Date day() {
        constexpr const char* difficult[] = {"2011-12-30", "2018-11-04", "2019-02-17",
                                             "1970-01-01", "0001-01-09", "9999-12-20",
                                             "2026-03-08", "2026-11-01", "2026-04-05"};
        if (const int which = below(18); which < 9)
            return civil_day(difficult[which]);
        const Position time = between(civil("1960-01-01"), civil("2160-01-01"));
        return std::chrono::floor<std::chrono::days>(time.time());
    }

    Window window_of(Position now, std::optional<int> retention) const {
        if (const auto& key = orders.parent.greatest_key)
            return ppm::window_of(*key, grid_, pre_provisioned_, retention);
        return window_at(zone_.instant(now.time()), orders.codec, grid_, pre_provisioned_,
                         retention);
    }

    Grid some_grid() {
        if (orders.codec.counts())
            return Numbers{1 + below(1000), below(100)};
        return all_intervals[static_cast<std::size_t>(below(std::size(all_intervals)))];
    }

    Position edge() {
        const Position position =
            between(std::max(slots_after(grid_, window.lower, -reach_), first_edge(grid_)),
                    slots_after(grid_, window.upper, reach_));
        const int which = below(8);
        if (which == 0)
            return slot_at(some_grid(), position).lower;
        if (which == 3)
            return position;
        if (which > 3 || orders.codec.counts())
            return slot_at(grid_, position).lower;
        if (which == 1)
            return std::chrono::floor<std::chrono::days>(position.time());
        return std::chrono::floor<std::chrono::hours>(position.time());
    }

    // As ppm writes it, as people do, or with something else in it.
    Bound bound() {
        const Bound bound = orders.codec.encode(edge());
        if (is_text(orders.codec.type()))
            return some_text(bound.text());
        if (orders.codec.type() != KeyType::uuid || one_in(3))
            return bound;
        Uuid uuid = bound.bytes();
        uuid[6] = uuid[8] = 0;  // as other tools write it
        if (one_in(8))
            uuid[static_cast<std::size_t>(6 + below(10))] = static_cast<std::uint8_t>(below(256));
        return Bound::of_bytes(uuid);
    }

    Bound some_text(std::string text) {
        if (one_in(3))
            text.resize(10);
        if (one_in(12))
            text += "lowercase";
        return Bound::of_text(text);
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
        const Slot slot = slot_at(grid_, lower);
        return slot == Slot{lower, upper} ? slot_name(table, grid_, slot)
                                          : piece_name(table, grid_, {lower, upper});
    }

    std::string some_slot_name() {
        return slot_name(orders.parent.configuration.table_name, grid_,
                         slot_at(grid_, between(window.lower, window.upper)));
    }

    Random random_;
    const TimeZone& zone_;
    Grid grid_;
    int reach_;
    Position now_{};
    int pre_provisioned_ = 0;
    int retention_ = 0;
};

}  // namespace ppm
