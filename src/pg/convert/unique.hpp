// Unique indexes that lack the partition key: a partitioned table cannot enforce them. ppm builds
// them again, with the key, while the table is in use.
#pragma once

#include "pg/convert/conversion.hpp"

namespace ppm {

struct NarrowIndex {
    Oid index;
    std::string schema_name;
    std::string name;
    std::string columns;                    // as SQL writes them
    std::optional<std::string> constraint;  // what follows its name in ADD CONSTRAINT
    bool is_primary;
    std::string built_name;  // of the new index, until it replaces the old one
    Oid built;               // none yet: invalid
    bool is_ready;           // it is built, and valid
    bool is_taken;           // something else bears the name
};

std::vector<NarrowIndex> narrow_indexes(const Conversion& conversion);

// The definition of an index, or of a constraint, with one more column in its first list of
// columns.
std::string with_column(const std::string& definition, const std::string& column);

// `CREATE UNIQUE INDEX CONCURRENTLY ...`, to be executed as the role (see definitions.hpp); empty
// if the index was dropped. Reads the catalog.
std::string build_statement(Oid role, Oid index, const std::string& key,
                            const std::string& built_name);

// The statements that replace the old index with the new one, in order.
std::vector<std::string> replace_statements(const Conversion& conversion, const NarrowIndex& index);

// The statement that drops a new index that is not in use yet.
std::string drop_built_statement(const NarrowIndex& index);

}  // namespace ppm
