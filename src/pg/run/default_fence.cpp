#include "pg/run/default_fence.hpp"

#include "pg/bridge/settings.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/default_rows.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/size.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/names.hpp"
#include "pg/run/plan.hpp"

namespace ppm {

namespace {

constexpr char fence_name[] = "ppm_keeps_these_rows_out";
// Tells the constraint from another one with the same name.
constexpr char fence_comment[] = "made by ppm while it attaches partitions";

constexpr char fence_query[] =
    "SELECT coalesce(obj_description(oid, 'pg_constraint') = $3, false) FROM pg_constraint "
    "WHERE conrelid = $1 AND conname = $2";

enum class Fence { none, ours, of_others };

Fence fence_of(Oid relation) {
    const auto is_ours = query(fence_query, {oid_parameter(relation), text_parameter(fence_name),
                                             text_parameter(fence_comment)})
                             .first<bool>();
    if (!is_ours)
        return Fence::none;
    return std::get<0>(*is_ours) ? Fence::ours : Fence::of_others;
}

std::string qualified(const Partition& partition) {
    return identifier(partition.schema_name) + "." + identifier(partition.name);
}

// Runs as the table's owner, who also owns the default partition, for `milliseconds` at most.
void alter(const ManagedParent& managed, const std::string& clause, LOCKMODE mode,
           int milliseconds) {
    const Partition& by_default = *managed.parent.default_partition;
    lock_parent(managed.parent);
    call([&] { LockRelationOid(by_default.relation, mode); });
    lock_names({NamedRelation{managed.parent}, NamedRelation{by_default}});
    require_owner_of_tree(managed.parent.table->owner, by_default.relation);
    execute_as_owner(managed.parent, "ALTER TABLE " + qualified(by_default) + clause, milliseconds);
}

// The end of the next slot: rows from there on are not expected before the next call.
Bound end_of_soon(const ManagedParent& managed) {
    const Clock clock;
    const KeyCodec codec = codec_of(managed);
    const Windows windows = windows_of(managed, clock);
    return codec.encode(slots_after(windows.today.grid, windows.today.current, 2));
}

// The range that covers all partitions that the actions make beyond that.
std::optional<BoundRange> range_beyond(Bound soon, const std::vector<Action>& actions) {
    std::optional<BoundRange> range;
    for (const Action& action : actions) {
        const BoundRange& bounds = bounds_of(action);
        if (!changes_partitions(action) || bounds.lower < soon)
            continue;
        range = range ? BoundRange{std::min(range->lower, bounds.lower),
                                   std::max(range->upper, bounds.upper)}
                      : bounds;
    }
    return range;
}

std::string condition_of(const ManagedParent& managed, const BoundRange& range) {
    const auto is_value = [](Bound bound) { return bound.kind() == Bound::Kind::value; };
    const std::string lower = is_value(range.lower) ? below(managed, range.lower) : "";
    const std::string upper = is_value(range.upper) ? at_or_above(managed, range.upper) : "";
    return lower + (lower.empty() || upper.empty() ? "" : " OR ") + upper;
}

}  // namespace

void raise_fence(Session& session, const ManagedParent& managed,
                 const std::vector<Action>& actions) {
    const auto& by_default = managed.parent.default_partition;
    if (session.atomic() || !by_default || by_default->stranger)
        return;
    lower_fence(session, managed);
    const std::optional<BoundRange> range = session.read([&]() -> std::optional<BoundRange> {
        const auto beyond = range_beyond(end_of_soon(managed), actions);
        if (!beyond || condition_of(managed, *beyond).empty() ||
            !takes_long_to_read(by_default->relation) ||
            fence_of(by_default->relation) != Fence::none)
            return std::nullopt;
        const Deadline deadline{std::chrono::milliseconds{statement_timeout()}};
        // Uses existing constraints or an index, or else reads the whole partition, as VALIDATE
        // CONSTRAINT would. If there are rows, the partitions cannot be attached anyway.
        const InDefault found = look_into_default(managed, by_default->relation, *beyond, deadline);
        return found == InDefault::none || found == InDefault::unknown ? beyond : std::nullopt;
    });
    if (!range)
        return;
    const std::string name = fence_name;
    session.step([&] {
        alter(
            managed,
            " ADD CONSTRAINT " + name + " CHECK (" + condition_of(managed, *range) + ") NOT VALID",
            AccessExclusiveLock, statement_timeout());
        execute_as_owner(managed.parent, "COMMENT ON CONSTRAINT " + name + " ON " +
                                             qualified(*by_default) + " IS " +
                                             literal(fence_comment));
    });
    try {
        session.step([&] {
            alter(managed, " VALIDATE CONSTRAINT " + name, ShareUpdateExclusiveLock, INT_MAX);
        });
    } catch (const Error&) {
        // Validation failed or was cancelled: the constraint must not restrict writers any longer.
        lower_fence(session, managed);
        throw;
    }
}

bool has_fence(Session& session, const ManagedParent& managed) {
    const auto& by_default = managed.parent.default_partition;
    return !session.atomic() && by_default && !by_default->stranger &&
           session.read([&] { return fence_of(by_default->relation) == Fence::ours; });
}

void lower_fence(Session& session, const ManagedParent& managed) {
    if (!has_fence(session, managed))
        return;
    session.step([&] {
        alter(managed, " DROP CONSTRAINT " + std::string{fence_name}, AccessExclusiveLock,
              statement_timeout());
    });
}

}  // namespace ppm
