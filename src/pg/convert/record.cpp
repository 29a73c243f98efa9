#include "pg/convert/record.hpp"

#include "pg/bridge/own_objects.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/rights.hpp"

namespace ppm {

namespace {

constexpr char record_statement[] =
    "INSERT INTO ppm.conversions (relation, schema_name, table_name, former, key_was_nullable, "
    "replaced, converted_by, converted_at) SELECT $1, $2, $3, $4, $5 = 'yes', $6, $7, "
    "clock_timestamp()";

constexpr char read_query[] =
    "SELECT c.former, r.relname, c.key_was_nullable, c.replaced FROM ppm.conversions c "
    "JOIN pg_inherits i ON i.inhparent = c.relation AND i.inhrelid = c.former "
    "JOIN pg_class r ON r.oid = c.former WHERE c.relation = $1";

constexpr char prune_statement[] =
    "DELETE FROM ppm.conversions c WHERE NOT EXISTS (SELECT FROM pg_inherits i "
    "WHERE i.inhparent = c.relation AND i.inhrelid = c.former)";

}  // namespace

void record_conversion(const Conversion& conversion, RelationId parent,
                       const std::vector<std::string>& replaced) {
    const std::string caller = call([] { return GetUserNameFromId(GetUserId(), false); });
    const UserContext owner{owner_of_ppm()};
    execute(record_statement,
            {oid_parameter(parent), text_parameter(conversion.schema_name()),
             text_parameter(conversion.name()), oid_parameter(conversion.relation()),
             text_parameter(std::string{conversion.key_is_nullable ? "yes" : "no"}),
             text_array_parameter(replaced), text_parameter(caller)});
}

std::optional<ConversionRecord> conversion_of(RelationId parent) {
    if (!may_have_own_rows("conversions"))
        return std::nullopt;
    const UserContext owner{owner_of_ppm()};
    const auto record = query(read_query, {oid_parameter(parent)})
                            .first<Oid, std::string, bool, std::vector<std::string>>();
    if (!record)
        return std::nullopt;
    const auto& [former, former_name, key_was_nullable, replaced] = *record;
    return ConversionRecord{former, former_name, key_was_nullable, replaced};
}

void forget_conversion(RelationId parent) {
    const UserContext owner{owner_of_ppm()};
    execute("DELETE FROM ppm.conversions WHERE relation = $1", {oid_parameter(parent)});
}

void prune_conversions() {
    if (!may_have_own_rows("conversions"))
        return;
    const UserContext owner{owner_of_ppm()};
    execute(prune_statement);
}

}  // namespace ppm
