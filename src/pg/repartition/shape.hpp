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
    std::string log_columns;             // what a table that notes keys is made of

    // `"a"."id" OPERATOR(pg_catalog.=) "b"."id" AND ...`
    std::string matches(const std::string& one, const std::string& other) const;

    // `"a"."id", ...`; without a name before them where `table` is empty.
    std::string list(const std::string& table = {}) const;
};

// The primary key or, without one, another; nothing if there is none.
std::optional<MatchingKey> matching_key(Oid parent);

// `"id", "day", ...`: the columns that are not generated.
std::string copied_columns(Oid parent);

// Differs when somebody has changed what the new tables were made like.
std::string version_of_parent(Oid parent);

// Differs when a partition's rows may have changed without their being noted: its file was
// replaced, a column changed, or a trigger of ppm's was dropped, disabled or made anew.
std::string version_of_source(Oid source);

// How many rows the table has about, and blocks it has exactly.
std::int64_t estimated_rows(Oid relation);
std::int64_t block_count(Oid relation);

// `"schema"."name"` of a relation, as it is called now.
std::string qualified_name(Oid relation);

}  // namespace ppm
