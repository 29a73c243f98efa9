// Every table, configuration and date that libFuzzer can think of, through the planner and an
// executor in memory.
#include <cstdio>
#include <cstdlib>
#include <deque>

#include "core/check/check.hpp"
#include "core/grid/coverage.hpp"
#include "core/grid/naming.hpp"
#include "every_kind.hpp"
#include "execution.hpp"
#include "random_removals.hpp"

namespace ppm {
namespace {

void require(bool condition, const char* what) {
    if (condition)
        return;
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

// What the bytes say, and after them anything: the same again and again would never end a loop.
class Bytes {
  public:
    Bytes(const std::uint8_t* data, std::size_t size) : left_(data, data + size) {}

    std::uint32_t next() {
        if (left_.size() < 4)
            return static_cast<std::uint32_t>(rest_());
        std::uint32_t result = 0;
        for (int i = 0; i < 4; ++i, left_.pop_front())
            result = result << 8 | left_.front();
        return result;
    }

  private:
    std::deque<std::uint8_t> left_;
    std::mt19937 rest_;
};

bool lies_in(const Window& window, const KeyCodec& codec, const BoundRange& bounds) {
    return codec.canonical(bounds.upper) > codec.encode(window.lower) &&
           codec.canonical(bounds.lower) < codec.encode(window.upper);
}

void require_no_overlap(const std::vector<Partition>& partitions) {
    for (std::size_t i = 1; i < partitions.size(); ++i)
        require(partitions[i - 1].bounds.upper <= partitions[i].bounds.lower,
                "two partitions overlap");
}

// All of the window that nothing stands in the way of.
void require_covered(const Orders& orders, const Window& window,
                     const std::vector<Obstacle>& obstacles) {
    std::vector<BoundRange> covered;
    for (const Partition& each : orders.parent.partitions)
        covered.push_back(
            {orders.codec.canonical(each.bounds.lower), orders.codec.canonical(each.bounds.upper)});
    for (const Slot& slot : slots_of(window))
        for (const BoundRange& hole :
             holes_in({orders.codec.encode(slot.lower), orders.codec.encode(slot.upper)}, covered))
            require(std::any_of(obstacles.begin(), obstacles.end(),
                                [&](const Obstacle& obstacle) {
                                    return obstacle.wanted.bounds.overlaps(hole);
                                }),
                    "a slot of the window is not covered");
}

// What had rows, and lay in the window of the work date or of today.
std::set<RelationId> rows_to_keep(const Orders& orders, const Windows& windows) {
    std::set<RelationId> relations;
    for (const Partition& each : orders.parent.partitions)
        if (orders.with_rows.count(each.name) > 0 && !each.detach_pending &&
            (lies_in(windows.work, orders.codec, each.bounds) ||
             lies_in(windows.today, orders.codec, each.bounds)))
            relations.insert(each.relation);
    return relations;
}

void require_names(const Orders& orders, const Window& window) {
    const Grid& grid = window.grid;
    const std::string& table = orders.parent.configuration.table_name;
    for (const Slot& slot : slots_of(window))
        require(slot_named(slot_name(table, grid, slot), table, grid) == slot,
                "a slot's name does not name it");
}

// One that somebody thought of, or any unit, count and origin.
Interval any_interval(Bytes& bytes) {
    const std::uint32_t which = bytes.next();
    if (which % 2 == 0)
        return all_intervals[which / 2 % std::size(all_intervals)];
    const auto unit = static_cast<Interval::Unit>(bytes.next() % 3);
    Interval interval = every(1 + static_cast<int>(bytes.next() % 2000), unit);
    const LocalTime origin = interval.origin + std::chrono::minutes{bytes.next() % 20000000};
    if (can_begin_at(unit, origin))
        interval.origin = origin;
    return interval;
}

// A key that counts, of any width and origin.
Kind any_numbers(Bytes& bytes) {
    constexpr KeyType types[] = {KeyType::smallint, KeyType::integer, KeyType::bigint};
    const auto number = [&] {
        const std::uint64_t half = bytes.next();
        return half << 32 | bytes.next();
    };
    const KeyType type = types[bytes.next() % std::size(types)];
    const std::uint64_t width = number() >> 1 >> bytes.next() % 63;
    const auto origin = static_cast<std::int64_t>(number()) >> bytes.next() % 64;
    return {Numbers{std::max(static_cast<std::int64_t>(width), std::int64_t{1}), origin}, type};
}

Kind any_kind(Bytes& bytes) {
    if (bytes.next() % 4 == 0)
        return any_numbers(bytes);
    const Interval interval = any_interval(bytes);
    const std::uint32_t which = bytes.next();
    if (which % 3 != 0)
        return {interval, static_cast<KeyType>(which / 3 % 4)};
    const auto encoding = static_cast<KeyEncoding>(bytes.next() % key_encoding_names.size());
    const auto type = static_cast<KeyType>(bytes.next() % 9);
    return {interval,
            type_supports_encoding(type, encoding) ? Key{type, encoding} : Key{KeyType::date}};
}

void try_all(Bytes bytes) {
    const auto [grid, key] = any_kind(bytes);
    const auto* const interval = std::get_if<Interval>(&grid);
    if (key.type == KeyType::date && has_part_of_day(*interval))
        return;
    const TimeZone& zone = *all_zones[bytes.next() % std::size(all_zones)].second;
    const RandomRemovals random{grid, key, zone, [&] { return bytes.next(); }};
    Orders orders = random.orders;
    const Windows& windows = random.windows;
    const std::set<RelationId> kept = rows_to_keep(orders, windows);

    const Plan first = orders.plan(windows);
    Execution execution{orders};
    execution.execute(first.provision);
    require(execution.refused.empty(), "a step of the plan cannot be done");
    require_no_overlap(orders.parent.partitions);
    if (std::none_of(orders.parent.partitions.begin(), orders.parent.partitions.end(),
                     [](const Partition& each) { return each.detach_pending; }))
        require_covered(orders, windows.work, first.obstacles);
    require(orders.plan(windows).provision.empty(), "a second plan is not empty");

    execution.execute(orders.plan(windows).cleanup);
    require_no_overlap(orders.parent.partitions);
    for (const RelationId relation : kept)
        require(std::any_of(orders.parent.partitions.begin(), orders.parent.partitions.end(),
                            [&](const Partition& each) { return each.relation == relation; }),
                "rows in the window were removed");
    require_names(orders, windows.work);
}

}  // namespace
}  // namespace ppm

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ppm::try_all({data, size});
    return 0;
}
