#include "pg/catalog/greatest_key.hpp"

#include "pg/bridge/guard.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/distributed_rows.hpp"
#include "pg/catalog/index_end.hpp"
#include "pg/catalog/tree.hpp"

namespace ppm {

namespace {

using Answer = GreatestInTable::Answer;

// The start values of the sequences of identity columns and defaults.
constexpr char starts_query[] = R"(
    SELECT a.attrelid, min(s.seqstart)
    FROM pg_attribute a
    LEFT JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    JOIN pg_depend d
      ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
         AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i')
      OR d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_sequence s ON s.seqrelid = CASE d.classid WHEN 'pg_class'::regclass THEN d.objid ELSE d.refobjid END
    WHERE a.attrelid = ANY ($1) AND a.attname = ANY ($2::name[])
      AND (a.attrelid, a.attname) IN (SELECT * FROM unnest($1, $2::name[]))
    GROUP BY a.attrelid)";

// The greatest key of a partition and all below it, as far as it can be told.
struct GreatestInPartition {
    std::optional<std::int64_t> key;
    bool is_certain = true;
    bool is_known = true;
};

class Search {
  public:
    Search(const Parent& parent, Look look)
        : parent_{parent},
          column_{parent.table->key_column},
          patience_{look == Look::into_catalog
                        ? Patience{}
                        : Deadline{std::chrono::milliseconds{statement_timeout()}}} {}

    GreatestKey find(Position start) {
        GreatestKey result;
        result.start = start;
        const auto greatest = below(std::nullopt);
        if (greatest) {
            const Position lower =
                slot_at(parent_.configuration.grid(), Position{greatest->key}).lower;
            result.greatest = Position{greatest->key};
            result.has_own_partition = greatest->has_end;
            if (lower != minus_infinity)
                if (const auto next = below(lower.number()))
                    result.next = Position{next->key};
        }
        result.others_have = std::ranges::any_of(parent_.partitions, has_end);
        result.is_certain = is_certain_;
        result.is_known = is_known_;
        return result;
    }

  private:
    static bool has_end(const Partition& partition) {
        return partition.bounds.upper.kind() == Bound::Kind::value;
    }

    struct Found {
        std::int64_t key;
        bool has_end;  // whether its partition has an end
    };

    // The greatest key below the limit, of all partitions.
    std::optional<Found> below(std::optional<std::int64_t> limit) {
        if (parent_.table->is_distributed)
            return in_shards(limit);
        std::optional<Found> found;
        if (const auto& partition = parent_.default_partition)
            if (const auto key = in_partition(*partition, limit))
                found = {*key, false};
        // From the top. (clang 14 cannot read std::views::reverse of libstdc++ 12.)
        for (std::size_t i = parent_.partitions.size(); i-- > 0;) {
            const Partition& each = parent_.partitions[i];
            if (limit && each.bounds.lower.kind() == Bound::Kind::value &&
                each.bounds.lower.integer() >= *limit)
                continue;
            const auto key = in_partition(each, limit);
            if (!key)
                continue;
            if (!found || *key > found->key)
                found = {*key, has_end(each)};
            break;
        }
        return found;
    }

    // One question to all servers is cheaper than one for each partition.
    std::optional<Found> in_shards(std::optional<std::int64_t> limit) {
        std::optional<std::int64_t> key;
        is_known_ = is_known_ && find_distributed_key(parent_.table->relation, column_, limit, key);
        if (!key)
            return std::nullopt;
        const auto home = std::ranges::find_if(parent_.partitions, [&](const Partition& each) {
            const Bound bound = Bound::of_integer(*key);
            return each.bounds.lower <= bound && bound < each.bounds.upper;
        });
        return Found{*key, home != parent_.partitions.end() && has_end(*home)};
    }

    std::optional<std::int64_t> in_partition(const Partition& partition,
                                             std::optional<std::int64_t> limit) {
        // A foreign table counts as having the least key that its partition may hold. With
        // Look::into_catalog, so does a table that would take long to read.
        std::optional<std::int64_t> least;
        if (partition.bounds.lower.kind() == Bound::Kind::value)
            least = partition.bounds.lower.integer();
        const GreatestInPartition found = call([&] {
            return search(partition.relation, column_.c_str(), *parent_.table->key_type, limit,
                          least, patience_);
        });
        is_certain_ = is_certain_ && found.is_certain;
        is_known_ = is_known_ && found.is_known;
        return found.key;
    }

    static void add(GreatestInPartition& all, std::optional<std::int64_t> key) {
        if (key && (!all.key || *key > *all.key))
            all.key = key;
    }

    // May ereport.
    static GreatestInPartition search(Oid relation, const char* column, KeyType type,
                                      std::optional<std::int64_t> limit,
                                      std::optional<std::int64_t> least, const Patience& patience) {
        GreatestInPartition all;
        List* const tables = partition_tree(relation);
        for (int i = 0; i < list_length(tables); ++i) {
            const Oid each = list_nth_oid(tables, i);
            if (!ConditionalLockRelationOid(each, AccessShareLock)) {
                all.is_certain = false;
                continue;
            }
            if (const Relation table = try_relation_open(each, NoLock)) {
                search(table, column, type, limit, least, patience, all);
                relation_close(table, NoLock);
            }
            UnlockRelationOid(each, AccessShareLock);
        }
        return all;
    }

    static void search(Relation table, const char* column, KeyType type,
                       std::optional<std::int64_t> limit, std::optional<std::int64_t> least,
                       const Patience& patience, GreatestInPartition& all) {
        const char kind = table->rd_rel->relkind;
        if (kind == RELKIND_PARTITIONED_TABLE)
            return;
        if (kind == RELKIND_FOREIGN_TABLE)
            return add(all, least);
        const GreatestInTable found = greatest_in_table(table, column, type, limit, patience);
        if (found.answer == Answer::found)
            add(all, found.key);
        else if (found.answer == Answer::unknown && patience)
            all.is_known = false;
        else if (found.answer == Answer::unknown)
            add(all, least);
    }

    const Parent& parent_;
    const std::string& column_;
    Patience patience_;
    bool is_certain_ = true;
    bool is_known_ = true;
};

std::map<Oid, std::int64_t> starts_of(const std::vector<const Parent*>& parents) {
    std::vector<Oid> relations;
    std::vector<std::string> columns;
    for (const Parent* parent : parents) {
        relations.push_back(parent->table->relation);
        columns.push_back(parent->table->key_column);
    }
    std::map<Oid, std::int64_t> starts;
    for (const auto& [relation, start] :
         query(starts_query, {oid_array_parameter(relations), text_array_parameter(columns)})
             .as<Oid, std::int64_t>())
        starts.emplace(relation, start);
    return starts;
}

Position start_of(const Parent& parent, const std::map<Oid, std::int64_t>& starts) {
    const auto start = starts.find(parent.table->relation);
    return start == starts.end() ? Position{std::get<Numbers>(parent.configuration.grid()).origin}
                                 : Position{start->second};
}

}  // namespace

Position start_of_keys(const Parent& parent) {
    return start_of(parent, starts_of({&parent}));
}

void read_greatest_keys(const std::map<Oid, Parent*>& parents, Look look) {
    std::vector<Parent*> counting;
    for (const auto& [relation, parent] : parents)
        if (key_of(*parent).counts())
            counting.push_back(parent);
    if (counting.empty())
        return;
    const auto starts = starts_of({counting.begin(), counting.end()});
    for (Parent* parent : counting)
        parent->greatest_key = Search{*parent, look}.find(start_of(*parent, starts));
}

}  // namespace ppm
