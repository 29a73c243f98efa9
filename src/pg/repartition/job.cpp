#include "pg/repartition/job.hpp"

#include "pg/bridge/own_objects.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/scan.hpp"

namespace ppm {

namespace {

constexpr std::array<std::string_view, 6> phase_names{"preparing", "copying", "indexing",
                                                      "replaying", "waiting", "abandoning"};

constexpr char job_query[] =
    "SELECT phase, from_value, to_value, key_columns, version, coalesce(default_condition, ''), "
    "rows_done, rows_estimated FROM ppm.move WHERE parent = $1";

constexpr char sources_query[] =
    "SELECT relation, schema_name, name, lower_value, upper_value, coalesce(version, ''), "
    "coalesce(blocks, 0), next_block FROM ppm.move_source WHERE parent = $1 ORDER BY relation";

constexpr char targets_query[] =
    "SELECT number, name, lower_value, upper_value, coalesce(relation, 0), "
    "coalesce(key_index, 0), indexed "
    "FROM ppm.move_target WHERE parent = $1 ORDER BY number";

Parameter int8_parameter(std::int64_t value) {
    return {INT8OID, call([=] { return Int64GetDatum(value); }), false};
}

Parameter int4_parameter(int value) {
    return {INT4OID, Int32GetDatum(value), false};
}

MovePhase phase_named(const std::string& name) {
    const auto* const found = std::ranges::find(phase_names, name);
    if (found == phase_names.end())
        throw PpmError{ERRCODE_DATA_CORRUPTED, "unrecognized phase of a move: " + name};
    return static_cast<MovePhase>(found - phase_names.begin());
}

// The default partition has neither end.
BoundRange bounds_of(const std::optional<std::string>& lower,
                     const std::optional<std::string>& upper, std::optional<KeyType> type) {
    if (!type || !lower || !upper)
        return {Bound::min_value(), Bound::max_value()};
    return {bound_of_text(*lower, *type), bound_of_text(*upper, *type)};
}

void read_sources(Job& job, std::optional<KeyType> type) {
    for (const auto& [relation, schema_name, name, lower, upper, version, blocks, next_block] :
         query(sources_query, {oid_parameter(job.parent)})
             .as<Oid, std::string, std::string, std::optional<std::string>,
                 std::optional<std::string>, std::string, std::int64_t, std::int64_t>())
        job.sources.push_back({{relation, schema_name, name, bounds_of(lower, upper, type), false},
                               !lower,
                               version,
                               blocks,
                               next_block});
}

void read_targets(Job& job, std::optional<KeyType> type) {
    for (const auto& [number, name, lower, upper, relation, key_index, indexed] :
         query(targets_query, {oid_parameter(job.parent)})
             .as<std::int32_t, std::string, std::optional<std::string>, std::optional<std::string>,
                 Oid, Oid, bool>())
        job.targets.push_back(
            {number, name, bounds_of(lower, upper, type), !lower, relation, key_index, indexed});
}

std::optional<std::string> bound_or_null(const ManagedParent& managed, bool is_default,
                                         Bound bound) {
    if (is_default)
        return std::nullopt;
    return bound_text(bound, *managed.parent.table->key_type, *managed.zone);
}

void write_sources(const ManagedParent& managed, const Job& job) {
    for (const JobSource& each : job.sources)
        execute(
            "INSERT INTO ppm.move_source (parent, relation, schema_name, name, lower_value, "
            "upper_value) VALUES ($1, $2, $3, $4, $5, $6)",
            {oid_parameter(job.parent), oid_parameter(each.partition.relation),
             text_parameter(each.partition.schema_name), text_parameter(each.partition.name),
             text_parameter(bound_or_null(managed, each.is_default, each.partition.bounds.lower)),
             text_parameter(bound_or_null(managed, each.is_default, each.partition.bounds.upper))});
}

void write_targets(const ManagedParent& managed, const Job& job) {
    for (const JobTarget& each : job.targets)
        execute(
            "INSERT INTO ppm.move_target (parent, number, name, lower_value, upper_value) "
            "VALUES ($1, $2, $3, $4, $5)",
            {oid_parameter(job.parent), int4_parameter(each.number), text_parameter(each.name),
             text_parameter(bound_or_null(managed, each.is_default, each.bounds.lower)),
             text_parameter(bound_or_null(managed, each.is_default, each.bounds.upper))});
}

// ppm.move_broken, to write to; nullptr if the extension is gone. May ereport.
Relation open_marks() {
    const Oid relation = get_relname_relid("move_broken", get_namespace_oid("ppm", true));
    return OidIsValid(relation) ? table_open(relation, RowExclusiveLock) : nullptr;
}

// In a writer's transaction, which may be SERIALIZABLE: this does not count as a read. May ereport.
bool has_mark(Relation table, Oid parent) {
    return any_row(
        table,
        [parent](TupleTableSlot* row) {
            bool is_null = false;
            return DatumGetObjectId(slot_getattr(row, 1, &is_null)) == parent;
        },
        SnapshotSelf);
}

}  // namespace

std::string_view name_of(MovePhase phase) {
    return phase_names[static_cast<std::size_t>(phase)];
}

std::vector<Partition> Job::source_partitions() const {
    std::vector<Partition> partitions;
    for (const JobSource& each : sources)
        partitions.push_back(each.partition);
    return partitions;
}

std::vector<Oid> Job::source_relations() const {
    std::vector<Oid> relations;
    for (const JobSource& each : sources)
        relations.push_back(each.partition.relation);
    return relations;
}

std::vector<Oid> Job::target_relations() const {
    std::vector<Oid> relations;
    for (const JobTarget& each : targets)
        if (OidIsValid(each.relation))
            relations.push_back(each.relation);
    return relations;
}

std::string Job::temporary_name(const JobTarget& target) const {
    return "ppm_move_" + std::to_string(parent) + "_" + std::to_string(target.number);
}

std::string Job::log_name() const {
    return "log_" + std::to_string(parent);
}

bool has_job(Oid parent) {
    if (!has_own_table("move"))
        return false;
    const UserContext owner{owner_of_ppm()};
    return query("SELECT FROM ppm.move WHERE parent = $1", {oid_parameter(parent)}).count() > 0;
}

std::optional<Job> read_job(Oid parent, std::optional<KeyType> type) {
    if (!has_job(parent))
        return std::nullopt;
    const UserContext owner{owner_of_ppm()};
    Job job{};
    job.parent = parent;
    std::string phase;
    std::tie(phase, job.from, job.to, job.key_columns, job.version, job.default_condition,
             job.rows_done, job.rows_estimated) =
        query(job_query, {oid_parameter(parent)})
            .row<std::string, std::optional<std::string>, std::optional<std::string>,
                 std::vector<std::string>, std::string, std::string, std::int64_t, std::int64_t>();
    job.phase = phase_named(phase);
    read_sources(job, type);
    read_targets(job, type);
    return job;
}

void write_job(const ManagedParent& managed, const Job& job) {
    const Configuration& configuration = managed.parent.configuration;
    const std::string caller = call([] { return GetUserNameFromId(GetUserId(), false); });
    const UserContext owner{owner_of_ppm()};
    execute(
        "INSERT INTO ppm.move (parent, schema_name, table_name, phase, from_value, to_value, "
        "key_columns, version, default_condition, rows_estimated, started_by) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9, ''), $10, $11)",
        {oid_parameter(job.parent), text_parameter(configuration.schema_name),
         text_parameter(configuration.table_name), text_parameter(std::string{name_of(job.phase)}),
         text_parameter(job.from), text_parameter(job.to), text_array_parameter(job.key_columns),
         text_parameter(job.version), text_parameter(job.default_condition),
         int8_parameter(job.rows_estimated), text_parameter(caller)});
    write_sources(managed, job);
    write_targets(managed, job);
}

void set_phase(const Job& job, MovePhase phase) {
    const UserContext owner{owner_of_ppm()};
    execute("UPDATE ppm.move SET phase = $2, phase_since = clock_timestamp() WHERE parent = $1",
            {oid_parameter(job.parent), text_parameter(std::string{name_of(phase)})});
}

void set_default_condition(const Job& job, const std::string& condition) {
    const UserContext owner{owner_of_ppm()};
    execute("UPDATE ppm.move SET default_condition = $2 WHERE parent = $1",
            {oid_parameter(job.parent), text_parameter(condition)});
}

void set_target(const Job& job, const JobTarget& target) {
    const UserContext owner{owner_of_ppm()};
    execute(
        "UPDATE ppm.move_target SET relation = $3, key_index = $4, indexed = $5 "
        "WHERE parent = $1 AND number = $2",
        {oid_parameter(job.parent),
         int4_parameter(target.number),
         oid_parameter(target.relation),
         oid_parameter(target.key_index),
         {BOOLOID, BoolGetDatum(target.indexed), false}});
}

void set_captured(const Job& job, const JobSource& source) {
    const UserContext owner{owner_of_ppm()};
    execute(
        "UPDATE ppm.move_source SET version = $3, blocks = $4 WHERE parent = $1 AND relation = $2",
        {oid_parameter(job.parent), oid_parameter(source.partition.relation),
         text_parameter(source.version), int8_parameter(source.blocks)});
}

void add_progress(const Job& job, const JobSource& source, std::int64_t next_block,
                  std::int64_t rows) {
    const UserContext owner{owner_of_ppm()};
    execute("UPDATE ppm.move_source SET next_block = $3 WHERE parent = $1 AND relation = $2",
            {oid_parameter(job.parent), oid_parameter(source.partition.relation),
             int8_parameter(next_block)});
    execute(
        "UPDATE ppm.move SET rows_done = rows_done + $2, updated_at = clock_timestamp() "
        "WHERE parent = $1",
        {oid_parameter(job.parent), int8_parameter(rows)});
}

void forget_job(Oid parent) {
    const UserContext owner{owner_of_ppm()};
    for (const char* const table : {"move_broken", "move_target", "move_source", "move"})
        execute(std::string{"DELETE FROM ppm."} + table + " WHERE parent = $1",
                {oid_parameter(parent)});
}

std::optional<std::string> broken_reason(Oid parent) {
    const UserContext owner{owner_of_ppm()};
    return query("SELECT reason FROM ppm.move_broken WHERE parent = $1 LIMIT 1",
                 {oid_parameter(parent)})
        .first_value<std::string>();
}

bool is_marked_broken(Oid parent) {
    const Relation table = open_marks();
    if (table == nullptr)
        return false;
    const bool is_marked = has_mark(table, parent);
    table_close(table, NoLock);
    return is_marked;
}

void mark_broken(Oid parent, const char* reason) {
    const Relation table = open_marks();
    if (table == nullptr)
        return;
    // Once is enough: each of many rows may be a reason.
    if (has_mark(table, parent))
        return table_close(table, NoLock);
    std::array<Datum, 2> values{ObjectIdGetDatum(parent), CStringGetTextDatum(reason)};
    std::array<bool, 2> nulls{};
    const HeapTuple row = heap_form_tuple(RelationGetDescr(table), values.data(), nulls.data());
    simple_heap_insert(table, row);
    heap_freetuple(row);
    table_close(table, NoLock);
}

}  // namespace ppm
