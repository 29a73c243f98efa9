// What the catalog says of the tables of a move: by which key their rows are matched, what is
// copied, and whether anybody has changed them. Each needs what a query needs.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// A unique key of the parent over columns that are not null.
struct MatchingKey {
    Oid index;
    std::vector<std::string> columns;
    std::vector<std::string> operators;  // equality of each, as SQL writes it
    std::string log_columns;             // the columns of the table that notes keys

    // `"a"."id" OPERATOR(pg_catalog.=) "b"."id" AND ...`
    std::string matches(const std::string& one, const std::string& other) const;

    // `"a"."id", ...`; without the table name if `table` is empty.
    std::string list(const std::string& table = {}) const;
};

// The primary key or, without one, another; nothing if there is none.
std::optional<MatchingKey> matching_key(Oid parent);

// `"id", "day", ...`: the columns that are not generated.
std::string copied_columns(Oid parent);

// Differs if somebody has changed the parent since the new tables were made like it.
std::string version_of_parent(Oid parent);

// Differs if rows of the partition may have changed unnoticed: its file was replaced, a column was
// altered, or a trigger of ppm was dropped, disabled or created again.
std::string version_of_source(Oid source);

// The estimated number of rows of the table, and its exact number of blocks.
std::int64_t estimated_rows(Oid relation);
std::int64_t block_count(Oid relation);

// `"schema"."name"` of a relation, as it is called now.
std::string qualified_name(Oid relation);

}  // namespace ppm
