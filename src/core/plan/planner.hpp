// The one diff between what a parent should have and what it has. Provision and cleanup execute its
// result, plan and check print it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/check/anomaly.hpp"
#include "core/grid/window.hpp"
#include "core/key/bound.hpp"
#include "core/key/key.hpp"
#include "core/plan/parent.hpp"

namespace ppm {

// A partition of the window that is missing: a whole slot, or the part of one that nothing covers.
struct CreatePartition {
    std::string name;
    BoundRange bounds;
    Slot slot;                     // the bounds as positions
    std::string proper_name = {};  // the slot's name, if another relation has it
};

// A table that ppm detached from this parent and that the window wants back.
struct AttachPartition {
    Partition partition;
    std::string home_schema = {};  // the schema to move it back to first; empty: it is there
};

// A DETACH CONCURRENTLY that was interrupted, of ppm or of anybody else.
struct FinalizeDetach {
    Partition partition;
    bool only_if_empty;  // surplus: attached again if it has rows
};

struct DetachPartition {
    Partition partition;
    bool concurrently;   // PostgreSQL refuses that where there is a default partition
    bool only_if_empty;  // surplus, not outdated
};

// Drops a detached table that was to be dropped, and its rows for ever.
struct DropPartition {
    Partition partition;
    bool only_if_empty;
};

// Moves a table that is detached into the archive.
struct ArchiveTable {
    Partition partition;
    std::string schema_name;
};

// Calls somebody's function before or after another step. A partition that is yet to be created has
// no relation.
struct CallHook {
    HookEvent event;
    std::string function;
    Partition partition;
};

using Action = std::variant<CreatePartition, AttachPartition, FinalizeDetach, DetachPartition,
                            DropPartition, ArchiveTable, CallHook>;

// What ppm.plan() calls the action, the name of the partition that it is about, and its bounds.
std::string_view name_of(const Action& action);
const std::string& partition_of(const Action& action);
const BoundRange& bounds_of(const Action& action);

// Whether it adds or removes a partition of the table. False for an archive move and a hook.
bool changes_partitions(const Action& action);

// The partition itself, unless it is yet to be created.
const Partition* existing_partition(const Action& action);

// Which partition actions are about. Two in different schemas may have the same name.
struct Subject {
    RelationId relation;  // 0 if it is yet to be created
    std::string name;

    auto operator<=>(const Subject&) const = default;
};

Subject subject_of(const Action& action);

// A missing partition that cannot be created now, and the obstacle.
struct Obstacle {
    CreatePartition wanted;
    Anomaly reason;
};

// A table that cleanup would remove or attach again, and why it does not.
struct LeftOut {
    RelationId relation;
    Anomaly reason;
};

// A table that a later cleanup drops, because of drop_delay. `when` is for people to read.
struct LaterDrop {
    Partition partition;
    std::string when;
};

struct Plan {
    std::optional<Anomaly> blocked;  // why nothing at all is planned
    std::vector<Action> provision;   // in the order of execution
    std::vector<Obstacle> obstacles;
    std::vector<Action> cleanup;  // in the order of execution, after provision
    std::vector<LeftOut> left_out;
    std::vector<LaterDrop> later;
    // Why nothing outdated is removed: the clock may be wrong.
    std::optional<Anomaly> clock_jump;
    bool outdated_in_doubt = false;  // nothing that it makes outdated is removed
    bool surplus_in_doubt = false;   // nothing that it makes surplus is removed
    std::vector<Anomaly> refusals;   // why cleanup removes nothing of what lies outside the window
    std::vector<Anomaly> warnings;   // the slot's name is taken, so its partition gets another
    std::vector<Anomaly> not_archived;  // why tables are not moved into the archive
};

// The windows of the work date and of the real date: the same unless ppm.work_date is set.
struct Windows {
    Window work;
    Window today;
    Instant now = {};  // by the real clock
};

// Questions that only the database can answer, asked only if they matter. They may throw what their
// sources throw.
struct Lookups {
    // A name as SQL writes it.
    std::function<std::string(const std::string& name)> identifier;
    // Whether a relation or a type of that name exists in the parent's schema.
    std::function<bool(const std::string& name)> relation_exists;
    // Whether the partition has no row. Asked again before it matters.
    std::function<bool(const Partition& partition)> is_empty;
    // Why a detached table cannot be attached again, as a predicate ("was changed since"). Empty:
    // apart from its rows it is as ppm left it, and it belongs to the parent's owner. Checked again
    // under the lock.
    std::function<std::string(const DetachedPartition& detached)> change_of;
    // A key among the partition's first rows that tells no time (KeyCodec::has_time()). Asked
    // only where a key may tell none.
    std::function<std::optional<Bound>(const Partition& partition)> key_without_time;
    // Whether is_empty() looks into partitions. If not, it takes none for empty.
    bool looks_into_partitions = true;
    // Why nothing can be moved into archive_schema; nothing: it can be. Asked only if there is one.
    std::function<std::optional<Anomaly>()> archive_problem = {};
    // Whether a relation or a type there has the name of the partition, or of a table below it.
    std::function<bool(const Partition& partition)> is_taken_in_archive = {};
};

// What the default partition holds, for messages.
inline constexpr const char* held_by_default = "the rows of no other partition (DEFAULT)";

// The anomaly of a partition with a `stranger`: it, or a table below it, belongs to another role
// than the parent.
Anomaly owner_differs(const Partition& partition);

// The anomaly of a parent with a template_problem.
Anomaly template_mismatch(const Parent& parent);

// `parent` is valid (see validate()) and `codec` is that of its key.
Plan compute_plan(const Parent& parent, const KeyCodec& codec, const Windows& windows,
                  const Lookups& lookups);

}  // namespace ppm
