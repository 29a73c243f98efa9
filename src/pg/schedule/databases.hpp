// The databases of the server.
#pragma once

#include "pg/bridge/guard.hpp"

namespace ppm {

struct Database {
    Oid oid;
    std::string name;
    bool allows_connections;
    bool is_template;
};

// All of them, in a transaction of its own. Works without a connection to any. Throws
// PostgresError.
std::vector<Database> all_databases();

}  // namespace ppm
