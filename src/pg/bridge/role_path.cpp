#include "pg/bridge/role_path.hpp"

#include "pg/bridge/role_settings.hpp"
#include "pg/bridge/spi.hpp"

namespace ppm {

namespace {

// The value in this database, or null. The order is that of process_settings() in postinit.c. May
// ereport.
const char* path_set_for(Oid role) {
    const RoleSetting* best = nullptr;
    List* const settings = role_settings_named("search_path");
    for (int i = 0; i < list_length(settings); ++i) {
        const auto* const each = static_cast<const RoleSetting*>(list_nth(settings, i));
        if ((OidIsValid(each->database) && each->database != MyDatabaseId) ||
            (OidIsValid(each->role) && each->role != role))
            continue;
        const auto rank = [](const RoleSetting& of) {
            return std::pair{OidIsValid(of.role), OidIsValid(of.database)};
        };
        if (best == nullptr || rank(*best) < rank(*each))
            best = each;
    }
    return best == nullptr ? nullptr : best->value;
}

constexpr char server_query[] =
    "SELECT coalesce((SELECT setting FROM pg_file_settings "
    "WHERE name = 'search_path' AND error IS NULL ORDER BY seqno DESC LIMIT 1), boot_val) "
    "FROM pg_settings WHERE name = 'search_path'";

// Reads the configuration files, once per reload. Only a superuser may.
const std::string& search_path_of_files() {
    static std::string path;
    static std::optional<TimestampTz> read_at;
    if (read_at != PgReloadTime) {
        const UserContext superuser{BOOTSTRAP_SUPERUSERID};
        path = query(server_query).value<std::string>();
        read_at = PgReloadTime;
    }
    return path;
}

// Mostly that is what RESET would give this session, unless its role, its database or its client
// has set another one.
std::string search_path_of_server() {
    const char* const path = call([]() -> const char* {
        return reset_source("search_path") <= PGC_S_ARGV ? GetConfigOptionResetString("search_path")
                                                         : nullptr;
    });
    return path == nullptr ? search_path_of_files() : path;
}

}  // namespace

std::string search_path_of(Oid role) {
    const char* const path = call([=] { return path_set_for(role); });
    return path == nullptr ? search_path_of_server() : path;
}

}  // namespace ppm
