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

// In what a partition is not like its parent. Of a tablespace, a replica identity and a missing
// index: what the partition has, and what it should have. Of all else: what there is to
// say of the partition, and what mends it.
struct Difference {
    AnomalyCode code;
    std::string actual;
    std::string expected;
    bool is_mild = false;  // a warning, although its code stands for errors
};

// What is to be said of the partition: ` has no index like ... of its parent`.
std::string predicate_of(const Difference& difference);

// A table that belongs to another role than the parent: its expressions are that role's, and would
// run as the parent's owner. Names, for messages.
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

// A partition as ppm.detached has it, whose relation the catalog still knows by its OID.
struct DetachedPartition {
    Partition partition;
    CleanupPolicy policy;  // of the time when it was detached
    bool is_detached;      // or else it is still a partition: the intent was recorded, no more
    bool is_unconfirmed = false;    // detached, but maybe not by ppm: never dropped
    bool is_repartitioned = false;  // other partitions have its rows: never attached again
    std::optional<DropAfter> drop_after = {};  // none: nothing delays the drop
    std::string home_schema = {};  // from where it was moved into an archive; empty: it was not

    bool waits(Instant now) const { return drop_after && drop_after->at > now; }
};

// A hook that is to be called for what was done already: the call that did it may have ended before
// that.
struct PendingHook {
    HookEvent event;
    std::string function;
    Partition partition;  // of a created one, or one that was detached
};

// A table whose foreign key refers to the parent, and that has no index by which PostgreSQL could
// find the rows that refer to a partition. Of a partitioned one, each of its partitions.
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
        cleaned_up,      // a cleanup of the table ended, and all went well
        failed,          // one ended, and not all did
        server_started,  // there was none yet: the server's start
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
    // ppm.detached has entries that the catalog contradicts, or that the configuration keeps now.
    bool ledger_is_stale;
    // None: not known, because the row was written when nobody remembered.
    std::optional<ConfiguredRelation> configured = {};
    // ppm's objects are older than ppm.kept: nobody would know any more that it was to be kept.
    bool forgets_what_was_kept = false;
    // Of some partition only its name tells that it was kept, as after a restore.
    bool is_kept_by_name = false;
    // Most partitions have a primary key, and new ones would get none.
    bool lacks_primary_key = false;
    bool refers_to_itself = false;                   // a foreign key of its own refers to it
    std::vector<RelationId> referring_parents = {};  // others whose foreign keys do
    std::vector<UnindexedReference> unindexed_references = {};  // only where they were read
    std::optional<ClockReference> clock_reference = {};         // none: the clock is believed
    std::optional<GreatestKey> greatest_key = {};  // only where the key counts, and was asked for
    std::vector<Hook> hooks = {};                  // in the order of their calls
    std::vector<PendingHook> pending_hooks = {};   // likewise
    std::string template_problem = {};  // why nothing can be made like it; empty: it can be
    int template_suffix = 0;            // how many bytes it adds to the names of sub-partitions
};

// The partition key. Only where validate() found nothing.
Key key_of(const Parent& parent);

// What becomes of the partition when it is removed.
CleanupPolicy policy_for(const Configuration& configuration, const Partition& partition);

// What of the configuration contradicts the catalog. Empty: the parent can be managed.
std::vector<Anomaly> validate(const Parent& parent);

}  // namespace ppm
