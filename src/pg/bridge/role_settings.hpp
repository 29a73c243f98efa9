// What ALTER ROLE ... SET and ALTER DATABASE ... SET have stored (pg_db_role_setting).
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

struct RoleSetting {
    Oid database;  // 0: every one
    Oid role;      // 0: every one
    const char* value;
};

// Everybody's values of one setting: a List of RoleSetting*, in the current memory context. A plain
// scan: the table is small, and a query would have to be planned. May ereport.
List* role_settings_named(const char* name);

}  // namespace ppm
