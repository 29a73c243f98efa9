#include "pg/catalog/catalog.hpp"

#include "core/grid/interval.hpp"
#include "core/text.hpp"
#include "pg/bridge/own_objects.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/bridge/sqlstate.hpp"
#include "pg/catalog/configured_relations.hpp"
#include "pg/catalog/distributed.hpp"
#include "pg/catalog/greatest_key.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/referring_parents.hpp"
#include "pg/catalog/template.hpp"
#include "pg/records/clock_reference.hpp"
#include "pg/records/hooks.hpp"
#include "pg/records/kept.hpp"
#include "pg/records/ledger.hpp"

namespace ppm {

namespace {

// Columns are read by their names: ppm's objects may be older than its library.
constexpr char configurations_query[] = R"(
    SELECT c.*, hash_record_extended(c, 0) AS row_hash FROM ppm.config c
    WHERE ($1 IS NULL OR c.schema_name = $1) AND ($2 IS NULL OR c.table_name = $2)
    ORDER BY c.schema_name, c.table_name)";

constexpr char partitions_query[] = R"(
    SELECT i.inhparent, r.oid, r.relnamespace, r.relname, i.inhdetachpending, r.relpartbound, r.relowner, r.relkind,
           r.reltablespace, r.relreplident, r.relpersistence, r.relrowsecurity, r.relforcerowsecurity
    FROM pg_inherits i)";

// The partitions of many tables are read with all of pg_class. The partitions of one table are
// looked up by an index, however many the planner expects.
constexpr char with_all_classes[] =
    " JOIN pg_class r ON r.oid = i.inhrelid WHERE i.inhparent = ANY ($1)";
constexpr char with_each_class[] =
    " JOIN LATERAL (SELECT * FROM pg_class c WHERE c.oid = i.inhrelid OFFSET 0) AS r ON true "
    "WHERE i.inhparent = ANY ($1)";

// The first table below each of $1 that does not belong to the owner in $2, its parent's.
constexpr char strangers_query[] = R"(
    SELECT DISTINCT ON (tree.root) tree.root, concat(s.nspname, '.', tree.relname), pg_get_userbyid(tree.relowner),
           pg_get_userbyid(tree.expected), format('ALTER TABLE %I.%I OWNER TO %I;', s.nspname, tree.relname, pg_get_userbyid(tree.expected))
    FROM (WITH RECURSIVE tree AS (
              SELECT r.oid AS root, o.expected, 0 AS level, r.oid, r.relnamespace, r.relname, r.relowner
              FROM unnest($1, $2) AS o(relation, expected) JOIN pg_class r ON r.oid = o.relation
              UNION ALL
              SELECT tree.root, tree.expected, tree.level + 1, c.oid, c.relnamespace, c.relname, c.relowner
              FROM tree JOIN pg_inherits h ON h.inhparent = tree.oid JOIN pg_class c ON c.oid = h.inhrelid)
          SELECT * FROM tree) AS tree
    JOIN pg_namespace s ON s.oid = tree.relnamespace
    WHERE tree.relowner <> tree.expected ORDER BY tree.root, tree.level, tree.oid)";

// Empty if there is no delay.
std::string delay_of(const Rows& rows, std::size_t row) {
    const auto delay = rows.named<std::optional<Datum>>(row, "drop_delay");
    const bool delays =
        delay && call([&] {
            ::Interval zero{};
            return DatumGetBool(DirectFunctionCall2(interval_ne, *delay, IntervalPGetDatum(&zero)));
        });
    return delays ? rows.named<std::string>(row, "drop_delay") : "";
}

// Before 1.1.0 the interval was an enumeration, and many columns did not exist.
Configuration configuration_of(const Rows& rows, std::size_t row) {
    using Text = std::optional<std::string>;
    Configuration read{};
    read.schema_name = rows.named<std::string>(row, "schema_name");
    read.table_name = rows.named<std::string>(row, "table_name");
    read.partition_key = rows.named<Text>(row, "partition_key");
    const auto interval = rows.named<std::string>(row, "interval");
    const auto origin = rows.named<Text>(row, "origin");
    if (const auto grid = grid_from(interval, origin))
        read.interval = *grid;
    else
        read.interval = UnreadInterval{interval, origin};
    if (const auto encoding = rows.named<Text>(row, "key_encoding")) {
        read.key_encoding = key_encoding_named(*encoding);
        if (!read.key_encoding)
            throw PpmError{ERRCODE_INTERNAL_ERROR, "unrecognized key encoding: " + *encoding};
    }
    if (const auto epoch = rows.named<std::optional<TimestampTz>>(row, "key_epoch"))
        read.key_epoch = to_instant(*epoch);
    read.key_shift = rows.named<std::optional<std::int32_t>>(row, "key_shift");
    read.pre_provisioned = rows.named<std::int32_t>(row, "pre_provisioned");
    read.retention = rows.named<std::optional<std::int32_t>>(row, "retention");
    read.cleanup_policy = rows.named<std::string>(row, "cleanup_policy") == "drop"
                              ? CleanupPolicy::drop
                              : CleanupPolicy::detach;
    read.timezone = rows.named<std::string>(row, "timezone");
    read.partition_options = rows.named<std::vector<std::string>>(row, "partition_options");
    read.drop_delay = delay_of(rows, row);
    read.archive_schema = rows.named<Text>(row, "archive_schema");
    read.analyze_parent = rows.named<std::optional<bool>>(row, "analyze_parent").value_or(false);
    read.template_name = rows.named<Text>(row, "template");
    read.row_hash = rows.named<std::int64_t>(row, "row_hash");
    return read;
}

// The rows, and the tables that they name.
std::vector<ManagedParent> read_once(const std::optional<std::string>& schema,
                                     const std::optional<std::string>& table) {
    const CatalogMoment moment = catalog_moment();
    const auto time = Deadline::Clock::now();
    const Rows rows = query(configurations_query, {text_parameter(schema), text_parameter(table)});
    std::vector<ManagedParent> parents;
    for (std::size_t row = 0; row < rows.count(); ++row) {
        ManagedParent managed{};
        managed.moment = moment;
        managed.time = time;
        managed.parent.configuration = configuration_of(rows, row);
        managed.parent.table = read_table(managed.parent.configuration.name());
        managed.zone = ServerTimeZone::named(managed.parent.configuration.timezone);
        managed.parent.timezone_known = managed.zone.has_value();
        parents.push_back(std::move(managed));
    }
    return parents;
}

std::vector<ManagedParent> read(std::optional<Oid> relation,
                                const std::optional<std::string>& schema,
                                const std::optional<std::string>& table) {
    std::vector<ManagedParent> parents = read_once(schema, table);
    const auto has_no_table = [](const ManagedParent& each) { return !each.parent.table; };
    // A transaction may have renamed a table and its row after the rows were read.
    if (std::ranges::any_of(parents, has_no_table))
        parents = read_once(schema, table);
    if (relation)
        std::erase_if(parents, [&](const ManagedParent& each) {
            return has_no_table(each) || each.parent.table->relation != *relation;
        });
    read_configured_relations(parents);
    read_distributions(parents);
    return parents;
}

// Reads by name, too: with the OID alone every row of ppm.config would be looked up.
std::vector<ManagedParent> read_of_relation(Oid relation) {
    const auto name = present_name_of(relation);
    if (!name)
        return {};
    std::vector<ManagedParent> parents = read(relation, name->schema_name, name->table_name);
    // Both may just have been renamed.
    if (const auto now = present_name_of(relation); parents.empty() && now && now != name)
        parents = read(relation, now->schema_name, now->table_name);
    return parents;
}

// The default partition's bound is not kept.
void add_partition(Parent& parent, Partition partition, Datum bound) {
    const auto bounds = read_partition_bound(bound, *parent.table->key_type);
    if (!bounds) {
        parent.default_partition = std::move(partition);
        return;
    }
    partition.bounds = *bounds;
    parent.partitions.push_back(std::move(partition));
}

// Whether read_differences() would find something in the partition's row of pg_class.
bool may_differ(const CommonProperties& partition, char kind, const CommonProperties& parent) {
    if (kind != RELKIND_FOREIGN_TABLE && parent.row_security &&
        (!partition.row_security || (parent.force_row_security && !partition.force_row_security)))
        return true;
    return kind == RELKIND_RELATION && (partition.tablespace != parent.tablespace ||
                                        partition.replica_identity != parent.replica_identity ||
                                        // By which index is in another catalog.
                                        parent.replica_identity == REPLICA_IDENTITY_INDEX ||
                                        partition.persistence != parent.persistence);
}

// Whether the row still means the same relation. It does not matter if its owner has written it
// again.
bool means_the_same(const Parent& now, const Parent& before) {
    const auto relation_of = [](const auto& of) {
        return of ? std::optional{of->relation} : std::nullopt;
    };
    return relation_of(now.table) == relation_of(before.table) &&
           relation_of(now.configured) == relation_of(before.configured);
}

// Whether all that was read of the parent is unchanged. False if it depends on more than the
// parent's relations: on rows, on Citus' catalogs, on a template. False after a minute, too: some
// data, e.g. the time of the last cleanup, changes without an invalidation message.
bool is_fresh(const ManagedParent& managed) {
    const Parent& parent = managed.parent;
    if (!parent.table || !parent.configured || parent.table->is_distributed ||
        parent.greatest_key || parent.configuration.template_name || parent.ledger_is_stale ||
        parent.is_kept_by_name || may_have_own_rows("hooks") ||
        may_have_own_rows("pending_hooks") ||
        Deadline::Clock::now() - managed.time > std::chrono::minutes{1})
        return false;
    std::vector<Oid> relations{parent.table->relation};
    for (const Partition& each : parent.partitions)
        relations.push_back(each.relation);
    for (const DetachedPartition& each : parent.detached)
        relations.push_back(each.partition.relation);
    if (parent.default_partition)
        relations.push_back(parent.default_partition->relation);
    return are_unchanged_since(managed.moment, relations);
}

}  // namespace

bool is_configuration(Relation relation) {
    const Oid config =
        call([] { return get_relname_relid("config", get_namespace_oid("ppm", false)); });
    return RelationGetRelid(relation) == config;
}

std::vector<ManagedParent> read_parents(std::optional<Oid> relation) {
    std::vector<ManagedParent> parents =
        relation ? read_of_relation(*relation) : read(std::nullopt, std::nullopt, std::nullopt);
    if (relation && parents.empty()) {
        const char* const name = call([&] {
            return DatumGetCString(DirectFunctionCall1(regclassout, ObjectIdGetDatum(*relation)));
        });
        throw PpmError{errcode_invalid_configuration,
                       "table " + in_quotes(name) + " is not configured",
                       {},
                       "Insert a row for it into ppm.config."};
    }
    return parents;
}

std::optional<ManagedParent> read_parent(const TableName& name) {
    std::vector<ManagedParent> parents = read(std::nullopt, name.schema_name, name.table_name);
    return parents.empty() ? std::nullopt : std::optional{std::move(parents.front())};
}

void require_same_configuration(const Parent& parent) {
    const Configuration& before = parent.configuration;
    auto now = read_parent(before.name());
    if (now && now->parent.table)
        read_hooks({{now->parent.table->relation, &now->parent}}, {now->parent.table->relation});
    if (!now || now->parent.configuration != before || !means_the_same(now->parent, parent) ||
        !validate(now->parent).empty())
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "the configuration of table " + in_quotes(before.qualified_name()) +
                           " was changed concurrently",
                       {},
                       "Call the procedure again."};
}

void require_same_bounds(const ManagedParent& managed, const Partition& partition) {
    const Table& table = *managed.parent.table;
    if (!is_partition(partition.relation, table.relation, *table.key_type, partition.bounds))
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "partition " + in_quotes(partition.name) +
                           " was detached or attached again concurrently",
                       {},
                       "Call the procedure again."};
}

namespace {

// Empty if it has just been dropped, with what was in it.
std::string schema_named(Oid schema) {
    const char* const name = call([=] { return get_namespace_name(schema); });
    return name == nullptr ? "" : name;
}

struct Owned {
    std::vector<Oid> relations;
    std::vector<Oid> expected;  // the parent's owner
};

// Adds to the partitions who else owns a table in them.
void read_strangers(const std::map<Oid, ManagedParent*>& parents, const Owned& doubtful) {
    if (doubtful.relations.empty())
        return;
    std::map<Oid, Stranger> found;
    const Rows rows = query(strangers_query, {oid_array_parameter(doubtful.relations),
                                              oid_array_parameter(doubtful.expected)});
    for (auto& [partition, table, owner, expected, mend] :
         rows.as<Oid, std::string, std::string, std::string, std::string>())
        found[partition] = {std::move(table), std::move(owner), std::move(expected),
                            std::move(mend)};
    const auto add_to = [&](Partition& partition) {
        if (const auto stranger = found.find(partition.relation); stranger != found.end())
            partition.stranger = stranger->second;
    };
    for (const auto& [relation, managed] : parents) {
        std::ranges::for_each(managed->parent.partitions, add_to);
        if (managed->parent.default_partition)
            add_to(*managed->parent.default_partition);
    }
}

void read_attached(const std::map<Oid, ManagedParent*>& parents,
                   const std::vector<Oid>& relations) {
    const Rows rows = query(std::string{partitions_query} +
                                (relations.size() == 1 ? with_each_class : with_all_classes),
                            {oid_array_parameter(relations)});
    Owned doubtful;
    WorkMemory memory{"ppm partition bounds"};
    for (const auto& [parent, relation, schema, name, is_pending, bound, owner, kind, tablespace,
                      replica_identity, persistence, row_security, force_row_security] :
         rows.as<Oid, Oid, Oid, std::string, bool, Datum, Oid, char, Oid, char, char, bool,
                 bool>()) {
        ManagedParent& managed = *parents.at(parent);
        const RelationId expected = managed.parent.table->owner;
        if (kind == RELKIND_PARTITIONED_TABLE || owner != expected) {
            doubtful.relations.push_back(relation);
            doubtful.expected.push_back(expected);
        }
        const CommonProperties common{tablespace,   replica_identity,   persistence,
                                      row_security, force_row_security, false};
        managed.may_have_differences =
            managed.may_have_differences || may_differ(common, kind, managed.common);
        add_partition(managed.parent,
                      Partition{relation, schema_named(schema), name,
                                BoundRange{Bound::min_value(), Bound::max_value()}, is_pending},
                      bound);
        memory.reset();
    }
    read_strangers(parents, doubtful);
}

}  // namespace

void read_partitions(std::vector<ManagedParent>& parents, Look look) {
    std::map<Oid, ManagedParent*> valid;
    std::map<Oid, Parent*> by_relation;
    std::vector<Oid> relations;
    for (ManagedParent& managed : parents)
        if (validate(managed.parent).empty()) {
            const RelationId relation = managed.parent.table->relation;
            managed.common = read_common_properties(relation);
            valid[relation] = &managed;
            by_relation[relation] = &managed.parent;
            relations.push_back(relation);
        }
    if (relations.empty())
        return;

    read_attached(valid, relations);
    read_detached(by_relation, relations);
    read_kept(by_relation);
    read_hooks(by_relation, relations);
    read_pending_hooks(by_relation, relations);
    for (const auto& [relation, parent] : by_relation)
        read_template(*parent);
    read_clock_references(parents);
    for (const auto& [relation, parent] : by_relation)
        std::ranges::sort(parent->partitions, {},
                          [](const Partition& each) { return each.bounds.lower; });
    read_greatest_keys(by_relation, look);
    read_referring_parents(parents);
}

std::vector<ManagedParent> read_again(std::optional<Oid> relation,
                                      const std::vector<ManagedParent>& before) {
    std::vector<ManagedParent> now = read_parents(relation);
    const auto is_same = [](const ManagedParent& a, const ManagedParent& b) {
        return a.parent.configuration == b.parent.configuration &&
               means_the_same(a.parent, b.parent) && is_fresh(b);
    };
    if (std::ranges::equal(now, before, is_same))
        return before;
    read_partitions(now);
    return now;
}

std::vector<ManagedParent> read_with_partitions(std::optional<Oid> relation, Look look) {
    std::vector<ManagedParent> parents = read_parents(relation);
    read_partitions(parents, look);
    return parents;
}

}  // namespace ppm
