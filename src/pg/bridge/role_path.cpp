#include "pg/bridge/role_path.hpp"

#include "pg/bridge/spi.hpp"

namespace ppm {

namespace {

// In the order of process_settings() in postinit.c.
constexpr char role_query[] =
    "SELECT substr(c, length('search_path=') + 1) "
    "FROM pg_db_role_setting s, unnest(s.setconfig) AS c "
    "WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) "
    "AND s.setrole IN (0, $1) AND c LIKE 'search\\_path=%' "
    "ORDER BY s.setrole = 0, s.setdatabase = 0 LIMIT 1";

constexpr char server_query[] =
    "SELECT coalesce((SELECT setting FROM pg_file_settings "
    "WHERE name = 'search_path' AND error IS NULL ORDER BY seqno DESC LIMIT 1), boot_val) "
    "FROM pg_settings WHERE name = 'search_path'";

// The session's value may be another role's. So the configuration files are read, once per reload.
const std::string& search_path_of_server() {
    static std::string path;
    static std::optional<TimestampTz> read_at;
    if (read_at != PgReloadTime) {
        // Only a superuser may see the files.
        const UserContext superuser{BOOTSTRAP_SUPERUSERID};
        path = query(server_query).value<std::string>();
        read_at = PgReloadTime;
    }
    return path;
}

}  // namespace

std::string search_path_of(Oid role) {
    const auto path = query(role_query, {oid_parameter(role)}).first_value<std::string>();
    return path ? *path : search_path_of_server();
}

}  // namespace ppm
