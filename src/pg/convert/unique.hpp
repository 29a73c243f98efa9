// Unique indexes that lack the partition key: a partitioned table cannot keep what they promise.
// They are built anew, with the key, while the table is in use.
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
    std::string built_name;  // of the new one, until it takes the place of the old one
    Oid built;               // none yet: invalid
    bool is_ready;           // it is built, and valid
    bool is_taken;           // something else bears the name
};

std::vector<NarrowIndex> narrow_indexes(const Conversion& conversion);

// The definition of an index, or of a constraint, with a column more in its first list of columns;
// and with a tablespace.
std::string with_column(const std::string& definition, const std::string& column);

// `CREATE UNIQUE INDEX CONCURRENTLY ...`; empty if there is no such index any more. Asks the
// catalog.
std::string build_statement(Oid index, const std::string& key, const std::string& built_name);

// What puts the new index in the place of the old one, in order.
std::vector<std::string> replace_statements(const Conversion& conversion, const NarrowIndex& index);

// What takes back one that is not in use yet.
std::string drop_built_statement(const NarrowIndex& index);

}  // namespace ppm
