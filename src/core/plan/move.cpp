#include "core/plan/move.hpp"

#include <algorithm>

#include "core/grid/coverage.hpp"
#include "core/grid/naming.hpp"
#include "core/plan/state.hpp"

namespace ppm {

namespace {

class MovePlanner {
  public:
    MovePlanner(const Parent& parent, const KeyCodec& codec, const Window& window,
                const MoveRange& range, const SlotsWithRows& slots_with_rows)
        : parent_{parent},
          codec_{codec},
          window_{window},
          range_{range},
          slots_with_rows_{slots_with_rows} {}

    MovePlan plan() {
        for (const std::vector<Partition>& group : groups_of_sources())
            spread(group);
        if (parent_.default_partition)
            spread_default();
        // The default partition may keep rows. ATTACH PARTITION would scan all of them, unless a
        // new default partition with a constraint on what it holds takes its place.
        plan_.from_default =
            plan_.from_default || (parent_.default_partition && !plan_.targets.empty());
        std::ranges::sort(plan_.targets, {},
                          [](const MoveTarget& each) { return each.bounds.lower; });
        return std::move(plan_);
    }

  private:
    const Grid& grid() const { return parent_.configuration.grid(); }
    const std::string& table() const { return parent_.configuration.table_name; }

    bool has_range() const { return range_.from || range_.to; }

    bool in_range(const BoundRange& bounds) const {
        return (!range_.from || *range_.from < bounds.upper) &&
               (!range_.to || bounds.lower < *range_.to);
    }

    bool is_wanted(const BoundRange& bounds) const {
        return has_range() ? in_range(bounds) : place_in(window_, codec_, bounds) == Place::inside;
    }

    // The partitions off the grid; adjacent ones form a group.
    std::vector<std::vector<Partition>> groups_of_sources() const {
        std::vector<std::vector<Partition>> groups;
        for (const Partition& partition : parent_.partitions) {
            if (partition.detach_pending || slot_of(partition.bounds, codec_, grid()) ||
                !is_wanted(partition.bounds))
                continue;
            if (groups.empty() || groups.back().back().bounds.upper != partition.bounds.lower)
                groups.emplace_back();
            groups.back().push_back(partition);
        }
        return groups;
    }

    // From the first to the last slot that gets a partition of one slot.
    std::optional<Slot> extent_of(const std::vector<Partition>& group) const {
        const BoundRange bounds{group.front().bounds.lower, group.back().bounds.upper};
        std::vector<Position> slots;
        for (const Partition& each : group)
            std::ranges::copy(slots_with_rows_(each), std::back_inserter(slots));
        const BoundRange window{codec_.encode(window_.lower), codec_.encode(window_.upper)};
        if (window.overlaps(bounds)) {
            slots.push_back(start_of(std::max(window.lower, bounds.lower), window_.lower));
            slots.push_back(start_before(std::min(window.upper, bounds.upper), window_.upper));
        }
        if (slots.empty())
            return std::nullopt;
        const auto [first, last] = std::ranges::minmax(slots);
        Slot extent{first, slot_at(grid(), last).upper};
        if (range_.from)
            extent.lower = std::max(extent.lower, start_of(*range_.from, extent.lower));
        if (range_.to)
            extent.upper = std::min(extent.upper,
                                    slot_at(grid(), start_before(*range_.to, extent.upper)).upper);
        return extent.lower < extent.upper ? std::optional{extent} : std::nullopt;
    }

    // The start of the slot that holds the bound, and of the last slot before the bound.
    Position start_of(Bound bound, Position otherwise) const {
        const auto slot = slot_of_key(bound, codec_, grid());
        return slot ? slot->lower : otherwise;
    }
    Position start_before(Bound bound, Position end) const {
        const auto slot = slot_of_key(bound, codec_, grid());
        const Position edge = slot ? slot->lower : end;
        return slot && codec_.encode(slot->lower) < bound
                   ? edge
                   : slot_at(grid(), Position{edge.number() - 1}).lower;
    }

    void spread(const std::vector<Partition>& group) {
        const auto extent = extent_of(group);
        if (!extent)
            return;
        const BoundRange bounds{group.front().bounds.lower, group.back().bounds.upper};
        std::vector<MoveTarget> targets;
        Bound reached = bounds.lower;
        const auto add = [&](Bound upper) {
            const BoundRange next{reached, std::min(upper, bounds.upper)};
            if (!edges(next).empty() || upper == bounds.upper)
                targets.push_back(target(next));
            else
                return;
            reached = next.upper;
        };
        if (codec_.encode(extent->lower) > bounds.lower)
            add(codec_.encode(extent->lower));
        for (Position start = extent->lower;
             start < extent->upper && reached < bounds.upper && has_room(targets);) {
            const Position end = slot_at(grid(), start).upper;
            add(codec_.encode(end));
            start = end;
        }
        if (reached < bounds.upper)
            add(bounds.upper);
        if (is_as_it_is(group, targets))
            return;
        std::ranges::copy(group, std::back_inserter(plan_.sources));
        std::ranges::move(targets, std::back_inserter(plan_.targets));
    }

    BoundRange edges(const BoundRange& bounds) const {
        return {codec_.canonical(bounds.lower), codec_.canonical(bounds.upper)};
    }

    bool has_room(const std::vector<MoveTarget>& targets) const {
        return plan_.targets.size() + targets.size() < max_move_targets;
    }

    static bool is_as_it_is(const std::vector<Partition>& group,
                            const std::vector<MoveTarget>& targets) {
        return std::ranges::equal(group, targets, {}, &Partition::bounds, &MoveTarget::bounds);
    }

    // The slots of the default partition's rows, except for ranges that other partitions cover.
    void spread_default() {
        std::vector<BoundRange> covered;
        for (const Partition& partition : parent_.partitions)
            covered.push_back(partition.bounds);
        for (const Position start : slots_with_rows_(*parent_.default_partition)) {
            const Slot slot = slot_at(grid(), start);
            const BoundRange range{codec_.encode(slot.lower), codec_.encode(slot.upper)};
            if (!(has_range() ? in_range(range)
                              : place_in(window_, codec_, range) != Place::outdated))
                continue;
            for (const BoundRange& hole : holes_in(range, covered))
                if (!edges(hole).empty() && has_room({})) {
                    plan_.targets.push_back(target(hole));
                    plan_.from_default = true;
                }
        }
    }

    MoveTarget target(const BoundRange& bounds) const {
        if (const auto slot = slot_of(bounds, codec_, grid()))
            return {slot_name(table(), grid(), *slot), bounds};
        return {
            piece_name(table(), grid(), {codec_.decode(bounds.lower), codec_.decode(bounds.upper)}),
            bounds};
    }

    const Parent& parent_;
    const KeyCodec& codec_;
    const Window& window_;
    const MoveRange& range_;
    const SlotsWithRows& slots_with_rows_;
    MovePlan plan_;
};

}  // namespace

MovePlan plan_move(const Parent& parent, const KeyCodec& codec, const Window& window,
                   const MoveRange& range, const SlotsWithRows& slots_with_rows) {
    return MovePlanner{parent, codec, window, range, slots_with_rows}.plan();
}

std::optional<Slot> slot_of_key(Bound key, const KeyCodec& codec, const Grid& grid) {
    if (key.kind() != Bound::Kind::value || !codec.has_time(key))
        return std::nullopt;
    const Position position = codec.decode(key);
    if (position < first_edge(grid) || position >= last_edge(grid))
        return std::nullopt;
    // If the clock was put back, an instant may lie in another slot than the clock shows.
    Slot slot = slot_at(grid, position);
    while (key < codec.encode(slot.lower) && slot.lower > first_edge(grid))
        slot = slot_at(grid, Position{slot.lower.number() - 1});
    while (key >= codec.encode(slot.upper) && slot.upper < last_edge(grid))
        slot = slot_at(grid, slot.upper);
    return slot.lower < first_edge(grid) || slot.upper > last_edge(grid) ? std::nullopt
                                                                         : std::optional{slot};
}

std::vector<BoundRange> joined(const std::vector<BoundRange>& ranges) {
    std::vector<BoundRange> result;
    for (const BoundRange& each : ranges)
        if (!result.empty() && result.back().upper == each.lower)
            result.back().upper = each.upper;
        else
            result.push_back(each);
    return result;
}

}  // namespace ppm
