// A parent: a row of ppm.config, and what the catalog tells of the table that it names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/check/anomaly.hpp"
#include "core/grid/greatest_key.hpp"
#include "core/key/bound.hpp"
#include "core/key/key.hpp"
#include "core/plan/configuration.hpp"

namespace ppm {

enum class Strategy { none, range, other };

// Why ppm cannot manage a table, and what to do: sentences. Empty: it can.
struct Unsupported {
    std::string reason = {};
    std::string mend = {};
};

// The relation that bears the configured name.
struct Table {
    RelationId relation;
    RelationId owner;
    Strategy strategy;       // none: not a partitioned table
    bool has_plain_key;      // one column, not an expression
    std::string key_column;  // empty unless has_plain_key
    std::string key_type_name;
    std::optional<KeyType> key_type;  // none: not one of those that ppm supports
    bool has_default_order;           // the key is compared by its type's default operator class
    bool has_byte_order = true;       // of a text: COLLATE "C"
    bool is_temporary = false;        // of one session
    bool is_plain = false;            // a table, neither partitioned nor a partition
    bool is_distributed = false;      // by Citus: its rows are elsewhere
    Unsupported unsupported = {};
};

// The relation that a row of ppm.config meant when it was written: ppm.configured_relations has it.
struct ConfiguredRelation {
    RelationId relation;
    std::string confirmed_by;               // who wrote the row
    std::string confirmed_at;               // a time, for people to read
    std::optional<TableName> present_name;  // none: it was dropped

    bool operator==(const ConfiguredRelation&) const = default;
};

// How a partition differs from its parent. For a tablespace, a replica identity and a missing
// index: what the partition has, and what it should have. For all else: a predicate about the
// partition, and the fix.
struct Difference {
    AnomalyCode code;
    std::string actual;
    std::string expected;
    bool is_mild = false;  // a warning, although its code stands for errors
};

// The predicate about the partition: ` has no index like ... of its parent`.
std::string predicate_of(const Difference& difference);

// A table that belongs to another role than the parent: the role's expressions would run as the
// parent's owner. Names, for messages.
struct Stranger {
    std::string table;
    std::string owner;
    std::string expected;
    std::string mend;  // SQL
};

// A partition as the catalog has it. The default partition has no bounds of its own: it is in
// Parent.
struct Partition {
    RelationId relation;
    std::string schema_name;
    std::string name;
    BoundRange bounds;
    bool detach_pending;                       // DETACH CONCURRENTLY was begun and not finished
    std::vector<Difference> differences = {};  // only where read_differences() was called
    std::optional<Stranger> stranger = std::nullopt;  // in it, or below it
    bool was_kept = false;  // detached once to be kept, and attached again: never dropped

    std::string qualified_name() const { return schema_name + "." + name; }
};

// Until when drop_delay keeps a detached table from being dropped, and how SQL writes that.
struct DropAfter {
    Instant at;
    std::string text;
};

// An entry of ppm.detached whose relation still exists, by OID.
struct DetachedPartition {
    Partition partition;
    CleanupPolicy policy;  // of the time when it was detached
    bool is_detached;      // or else it is still a partition, and only the intent was recorded
    bool is_unconfirmed = false;    // detached, but maybe not by ppm: never dropped
    bool is_repartitioned = false;  // other partitions have its rows: never attached again
    std::optional<DropAfter> drop_after = {};  // none: it does not wait
    std::string home_schema = {};  // from where it was moved into an archive; empty: it was not

    bool waits(Instant now) const { return drop_after && drop_after->at > now; }
};

// A hook that is still to be called for a finished step: the call that did the step may have ended
// before.
struct PendingHook {
    HookEvent event;
    std::string function;
    Partition partition;  // the partition that was created or detached
};

// A table with a foreign key that refers to the parent, and without an index by which PostgreSQL
// could find the rows that refer to a partition. For a partitioned table, each of its partitions.
struct UnindexedReference {
    RelationId relation;
    std::string schema_name;
    std::string table_name;
    std::string constraint;
    std::vector<std::string> columns;  // of the key

    std::string qualified_name() const { return schema_name + "." + table_name; }
};

// When the clock was last known to be right.
struct ClockReference {
    enum class Kind {
        cleaned_up,      // a cleanup of the table ended without a failure
        failed,          // a cleanup ended with a failure
        server_started,  // no cleanup yet: the server's start
    };

    Instant at;
    Kind kind;
};

struct Parent {
    Configuration configuration;
    std::optional<Table> table;
    bool timezone_known;
    std::vector<Partition> partitions;  // by lower bound; only where the configuration is valid
    std::optional<Partition> default_partition;
    std::vector<DetachedPartition> detached;  // by lower bound
    // Some entries of ppm.detached contradict the catalog, or are kept by the configuration now.
    bool ledger_is_stale;
    // None: not known, because nothing was recorded when the row was written.
    std::optional<ConfiguredRelation> configured = {};
    // ppm's objects are older than ppm.kept: nothing would record that a partition was to be kept.
    bool forgets_what_was_kept = false;
    // Some partition is known to be kept only by its name, as after a restore.
    bool is_kept_by_name = false;
    // Most partitions have a primary key, and new ones would get none.
    bool lacks_primary_key = false;
    bool refers_to_itself = false;                   // it has a foreign key to itself
    std::vector<RelationId> referring_parents = {};  // other parents with foreign keys to it
    std::vector<UnindexedReference> unindexed_references = {};  // only where they were read
    std::optional<ClockReference> clock_reference = {};         // none: the clock is trusted
    std::optional<GreatestKey> greatest_key = {};  // only where the key counts, and was asked for
    std::vector<Hook> hooks = {};                  // in the order of their calls
    std::vector<PendingHook> pending_hooks = {};   // likewise
    std::string template_problem = {};  // why the template cannot be used; empty: it can be
    int template_suffix = 0;            // how many bytes it adds to the names of sub-partitions
};

// The partition key. Only where validate() found nothing.
Key key_of(const Parent& parent);

// What becomes of the partition when it is removed.
CleanupPolicy policy_for(const Configuration& configuration, const Partition& partition);

// How the configuration contradicts the catalog. Empty: the parent can be managed.
std::vector<Anomaly> validate(const Parent& parent);

}  // namespace ppm
