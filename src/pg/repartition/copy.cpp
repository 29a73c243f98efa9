#include "pg/repartition/copy.hpp"

#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/names.hpp"
#include "pg/repartition/capture.hpp"
#include "pg/repartition/copy_rows.hpp"
#include "pg/repartition/targets.hpp"
#include "pg/run/session.hpp"

namespace ppm {

namespace {

// Copying blocks nobody, so a batch or a replay may take longer than ppm's other statements.
constexpr int unlimited = INT_MAX;

constexpr char strangers_were_written[] =
    "rows were written that belong to none of the new partitions";

// Runs the statement as the owner, who must see all rows: row_security = off makes sure of that.
std::size_t execute_on_rows(const ManagedParent& managed, const std::string& statement,
                            int milliseconds = unlimited) {
    LocalSettings settings;
    settings.set("row_security", "off");
    // Its operators are PostgreSQL's own.
    execute_as_owner(managed.parent, statement, milliseconds, Path::pinned);
    return SPI_processed;
}

// How long a statement may still take.
int left_of(const std::optional<Deadline>& deadline) {
    return deadline ? std::max(static_cast<int>(deadline->left()), 1) : unlimited;
}

template <typename Use>
auto query_as_owner(const ManagedParent& managed, const std::string& sql, Use use,
                    int milliseconds = unlimited) {
    RoleContext owner{managed.parent.table->owner, pinned_path, milliseconds};
    owner.set("row_security", "off");
    return use(query_once(sql));
}

// Where one target ends and another may begin, in order.
std::vector<Bound> edges_of(const Job& job) {
    std::set<Bound> edges;
    for (const JobTarget& each : job.targets)
        if (!each.is_default)
            for (const Bound bound : {each.bounds.lower, each.bounds.upper})
                if (bound.kind() == Bound::Kind::value)
                    edges.insert(bound);
    return {edges.begin(), edges.end()};
}

// The target of a key, given how many edges are not greater than the key (`below`).
const JobTarget* target_between(const Job& job, const std::vector<Bound>& edges,
                                std::size_t below) {
    const Bound lower = below == 0 ? Bound::min_value() : edges[below - 1];
    const JobTarget* by_default = nullptr;
    for (const JobTarget& each : job.targets)
        if (each.is_default)
            by_default = &each;
        else if (each.bounds.lower <= lower && lower < each.bounds.upper)
            return &each;
    return by_default;
}

// The targets that rows of these tables go to. `from` is what follows FROM.
std::vector<const JobTarget*> targets_of_rows(const ManagedParent& managed, const Job& job,
                                              const std::string& from,
                                              const std::optional<Deadline>& deadline = {}) {
    const Table& table = *managed.parent.table;
    const std::vector<Bound> edges = edges_of(job);
    std::string array;
    for (const Bound edge : edges)
        array += (array.empty() ? "" : ", ") + bound_literal(edge, *table.key_type, *managed.zone);
    const std::string sql = "SELECT DISTINCT pg_catalog.width_bucket(" +
                            identifier(table.key_column) + ", ARRAY[" + array +
                            "]::" + table.key_type_name + "[]) FROM " + from;
    std::set<const JobTarget*> found;
    const auto note = [&](const Rows& rows) {
        for (const auto& below : rows.values<std::optional<std::int32_t>>())
            // A null key is in no range.
            found.insert(below ? target_between(job, edges, static_cast<std::size_t>(*below))
                               : target_between(job, {}, 0));
        return true;
    };
    query_as_owner(managed, sql, note, left_of(deadline));
    if (found.contains(nullptr))
        throw MustBeginAnew{strangers_were_written};
    return {found.begin(), found.end()};
}

void insert_changed(const ManagedParent& managed, const Job& job, const MatchingKey& key,
                    const JobTarget& target, const JobSource& source, const std::string& log,
                    const std::optional<Deadline>& deadline) {
    const std::string columns = copied_columns(job.parent);
    execute_on_rows(managed,
                    "INSERT INTO " + qualified_name(target.relation) + " (" + columns +
                        ") OVERRIDING SYSTEM VALUE SELECT " + columns + " FROM ONLY " +
                        qualified_name(source.partition.relation) + " AS s WHERE (" +
                        condition_of(managed, job, target) + ") AND EXISTS (SELECT FROM " + log +
                        " AS l WHERE " + key.matches("l", "s") + ")",
                    left_of(deadline));
}

// Whether a row of the source can belong in the target.
bool can_feed(const JobSource& source, const JobTarget& target) {
    return source.is_default || target.is_default ||
           source.partition.bounds.overlaps(target.bounds);
}

// From here to the end of the transaction nobody can alter or rename the tables. Readers and
// writers go on.
void keep_as_they_are(const ManagedParent& managed, const Job& job) {
    std::vector<Oid> tables{job.parent};
    std::ranges::copy(job.source_relations(), std::back_inserter(tables));
    std::ranges::copy(job.target_relations(), std::back_inserter(tables));
    {
        const StatementTimeout timeout{statement_timeout()};
        for (const Oid each : tables)
            call([=] { LockRelationOid(each, AccessShareLock); });
        lock_schema_names(tables);
    }
    require_trustworthy(managed, job);
}

std::string log_of(const Job& job) {
    return "ppm." + identifier(job.log_name());
}

}  // namespace

void require_trustworthy(const ManagedParent& managed, const Job& job) {
    if (const auto reason = broken_reason(job.parent))
        throw MustBeginAnew{*reason};
    for (const JobSource& each : job.sources)
        if (const std::string change = change_of(managed, each); !change.empty())
            throw MustBeginAnew{"partition " + in_quotes(each.partition.name) + " " + change};
    if (job.version != version_of_parent(job.parent))
        throw MustBeginAnew{"the table was altered concurrently"};
}

std::int64_t copy_blocks(const ManagedParent& managed, const Job& job, JobSource& source,
                         std::int64_t blocks) {
    keep_as_they_are(managed, job);
    const std::int64_t end = std::min(source.next_block + blocks, source.blocks);
    // A row that an UPDATE moves to another page may be found twice. That does no harm: rows that
    // are written meanwhile are copied again anyway.
    const StatementTimeout timeout{unlimited};
    bool has_stranger = false;
    const std::int64_t rows = copy_rows(managed, job, source, source.next_block, end, has_stranger);
    if (has_stranger)
        throw MustBeginAnew{strangers_were_written};
    add_progress(job, source, end, rows);
    source.next_block = end;
    return rows;
}

void replay(const ManagedParent& managed, const Job& job, const MatchingKey& key,
            const std::optional<Deadline>& deadline) {
    // Changes that commit meanwhile belong to the next replay, with their keys. Only one snapshot
    // tells them apart: their keys may have lower numbers, or places, than keys that are there now.
    if (!deadline)
        XactIsoLevel = XACT_REPEATABLE_READ;
    keep_as_they_are(managed, job);
    const std::string log = log_of(job);
    const std::string keys = "(SELECT DISTINCT " + key.list() + " FROM " + log + ")";
    const std::vector<const JobTarget*> touched = targets_of_rows(managed, job, log, deadline);
    if (touched.empty())
        return;
    // Deletes from all targets first: a unique value may have moved to another row.
    for (const JobTarget* const target : touched)
        execute_on_rows(managed,
                        "DELETE FROM " + qualified_name(target->relation) + " AS t USING " + keys +
                            " AS l WHERE " + key.matches("t", "l"),
                        left_of(deadline));
    for (const JobTarget* const target : touched)
        for (const JobSource& source : job.sources)
            if (can_feed(source, *target))
                insert_changed(managed, job, key, *target, source, log, deadline);
    const UserContext owner{owner_of_ppm()};
    const StatementTimeout timeout{left_of(deadline)};
    execute_own_once("DELETE FROM " + log);
}

Counts count_rows(const ManagedParent& managed, const Job& job) {
    keep_as_they_are(managed, job);
    const auto sum = [](const std::vector<Oid>& relations) {
        std::string text = "0";
        for (const Oid each : relations)
            text += " + (SELECT count(*) FROM ONLY " + qualified_name(each) + ")";
        return text;
    };
    std::vector<Oid> defaults;
    for (const JobTarget& target : job.targets)
        if (target.is_default)
            defaults.push_back(target.relation);
    return query_as_owner(managed,
                          "SELECT " + sum(job.source_relations()) + ", " +
                              sum(job.target_relations()) + ", " + sum(defaults),
                          [](const Rows& rows) {
                              const auto [sources, targets, in_default] =
                                  rows.row<std::int64_t, std::int64_t, std::int64_t>();
                              return Counts{sources, targets, in_default};
                          });
}

}  // namespace ppm
