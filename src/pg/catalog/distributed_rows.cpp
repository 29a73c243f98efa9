#include "pg/catalog/distributed_rows.hpp"

#include "pg/bridge/scope.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/distributed.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rights.hpp"

namespace ppm {

namespace {

// All rows of a table are of one kind, so a few rows tell.
constexpr char rows_that_tell[] = " LIMIT 100";

// With its schema, as SQL writes it.
std::string name_of(Oid relation) {
    return call([=] {
        return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)),
                                          get_rel_name(relation));
    });
}

std::string quoted(const std::string& column) {
    return call([&column] { return quote_identifier(column.c_str()); });
}

// Runs the query, and returns what `read` makes of its rows; nothing if it failed.
template <typename Read>
auto ask(Oid relation, const std::string& sql, Read read)
    -> std::optional<decltype(read(std::declval<const Rows&>()))> {
    if (!citus_is_loaded())
        return std::nullopt;
    try {
        Subtransaction subtransaction;
        std::optional<decltype(read(std::declval<const Rows&>()))> answer;
        {
            RoleContext owner{call([=] { return owner_of(relation); }), pinned_path,
                              statement_timeout()};
            // Then a policy that would hide rows raises an error.
            owner.set("row_security", "off");
            // Uses one connection to each server. Changes of the table in the same transaction use
            // one, too, and Citus refuses them after a query that used several.
            owner.set("citus.multi_shard_modify_mode", "sequential");
            const Rows rows = query_once(sql);
            answer = read(rows);
        }
        subtransaction.commit();
        return answer;
    } catch (const PostgresError& error) {
        if (error.is_cancel())
            throw;
        return std::nullopt;
    }
}

bool has_row(Oid relation, const std::string& condition) {
    return ask(relation, "SELECT 1 FROM " + name_of(relation) + condition + " LIMIT 1",
               [](const Rows& rows) { return rows.count() > 0; })
        .value_or(true);
}

// One end of a range, as a condition.
std::string edge(const std::string& column, const char* comparison, Bound bound, KeyType type) {
    const auto utc = ServerTimeZone::named("UTC");
    return quoted(column) + comparison + bound_literal(bound, type, *utc);
}

}  // namespace

bool distributed_has_rows(Oid relation) {
    return has_row(relation, "");
}

bool distributed_has_rows(Oid relation, const std::string& column, KeyType type,
                          const BoundRange& range) {
    std::string condition = " WHERE " + quoted(column) + " IS NOT NULL";
    if (range.lower.kind() == Bound::Kind::value)
        condition += " AND " + edge(column, " >= ", range.lower, type);
    if (range.upper.kind() == Bound::Kind::value)
        condition += " AND " + edge(column, " < ", range.upper, type);
    return has_row(relation, condition);
}

std::optional<Bound> distributed_key_without_time(Oid relation, const std::string& column,
                                                  const KeyCodec& codec) {
    const auto look = [&](const Rows& rows) -> std::optional<Bound> {
        for (const auto& key : rows.values<std::optional<Datum>>()) {
            if (!key)
                continue;
            const Bound bound =
                call([&, type = codec.type()] { return bound_of_value(*key, type); });
            if (!codec.has_time(bound))
                return bound;
        }
        return std::nullopt;
    };
    return ask(relation, "SELECT " + quoted(column) + " FROM " + name_of(relation) + rows_that_tell,
               look)
        .value_or(std::nullopt);
}

bool find_distributed_key(Oid relation, const std::string& column,
                          std::optional<std::int64_t> limit, std::optional<std::int64_t>& key) {
    const std::string name = quoted(column);
    const auto found =
        ask(relation,
            "SELECT max(" + name + ")::int8 FROM " + name_of(relation) +
                (limit ? " WHERE " + name + " < " + std::to_string(*limit) : ""),
            [](const Rows& rows) { return rows.value<std::optional<std::int64_t>>(); });
    key = found.value_or(std::nullopt);
    return found.has_value();
}

std::optional<std::int64_t> distributed_bytes(Oid relation) {
    const SpiConnection spi{false};
    return ask(relation,
               "SELECT sum(pg_catalog.citus_total_relation_size(relid, false))::int8 "
               "FROM pg_catalog.pg_partition_tree(" +
                   std::to_string(relation) + "::oid::regclass) WHERE isleaf",
               [](const Rows& rows) { return rows.value<std::optional<std::int64_t>>(); })
        .value_or(std::nullopt);
}

}  // namespace ppm
