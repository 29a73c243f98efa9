#include "pg/records/archived.hpp"

#include "pg/bridge/own_objects.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/records/fingerprint.hpp"
#include "pg/records/xid_snapshot.hpp"

namespace ppm {

namespace {

// Rows that 1.0.0 recorded have no snapshot. Their xmin stands in, but an UPDATE changes it.
std::optional<std::string> snapshot_of_row(RelationId relation) {
    const auto xmin = query(
                          "SELECT xmin::text::bigint FROM ppm.detached "
                          "WHERE relation = $1 AND version IS NOT NULL AND snapshot IS NULL",
                          {oid_parameter(relation)})
                          .first_value<std::int64_t>();
    if (!xmin)
        return std::nullopt;
    const XidSnapshot before = snapshot_before(static_cast<TransactionId>(*xmin));
    return std::to_string(before.xmin) + ":" + std::to_string(before.xmax) + ":";
}

}  // namespace

std::optional<std::string> home_of(RelationId relation) {
    if (!has_own_column("detached", "archived_from"))
        return std::nullopt;
    const UserContext owner{owner_of_ppm()};
    return query("SELECT archived_from FROM ppm.detached WHERE relation = $1",
                 {oid_parameter(relation)})
        .first_value<std::optional<std::string>>()
        .value_or(std::nullopt);
}

bool is_as_detached(RelationId relation) {
    const UserContext owner{owner_of_ppm()};
    const auto fingerprint =
        query("SELECT version FROM ppm.detached WHERE relation = $1", {oid_parameter(relation)})
            .first_value<std::optional<std::string>>()
            .value_or(std::nullopt);
    return fingerprint && is_fingerprint_of(relation, *fingerprint);
}

void record_move(RelationId relation, const std::string& schema_name,
                 const std::optional<std::string>& home, bool was_as_detached) {
    const UserContext owner{owner_of_ppm()};
    const auto version =
        was_as_detached ? std::optional{fingerprint_of(relation)} : std::optional<std::string>{};
    execute(
        "UPDATE ppm.detached SET detached_schema = $2, archived_from = $3, "
        "version = coalesce($4, version), snapshot = coalesce($5::pg_snapshot, snapshot) "
        "WHERE relation = $1",
        {oid_parameter(relation), text_parameter(schema_name), text_parameter(home),
         text_parameter(version), text_parameter(snapshot_of_row(relation))});
}

}  // namespace ppm
