// What happens when a row of ppm.config is written.
#include "core/configuration.hpp"

#include "core/text.hpp"
#include "pg/catalog.hpp"
#include "pg/clock_reference.hpp"
#include "pg/partition_options.hpp"
#include "pg/report.hpp"
#include "pg/rights.hpp"
#include "pg/spi.hpp"
#include "pg/version.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_configuration_written);
}

namespace {

using ppm::TableName;

TableName table_name_in(HeapTuple row, TupleDesc descriptor) {
    const auto column = [&](const char* name) {
        return std::string{ppm::call([&] {
            const char* const value = SPI_getvalue(row, descriptor, SPI_fnumber(descriptor, name));
            return value == nullptr ? "" : value;
        })};
    };
    return {column("schema_name"), column("table_name")};
}

// Writing a row needs the rights of the table's owner, because it has ppm change that table; where
// there is no such table, nobody but a superuser may say what happens to one that is yet to come.
void require_rights_over(const TableName& name) {
    const Oid relation = ppm::call([&] {
        return get_relname_relid(name.table_name.c_str(),
                                 get_namespace_oid(name.schema_name.c_str(), true));
    });
    if (OidIsValid(relation))
        ppm::require_owner(relation, name.table_name);
    else if (!superuser())
        throw ppm::PpmError{ERRCODE_INSUFFICIENT_PRIVILEGE,
                            "must be superuser to configure a table that does not exist",
                            "There is no table " + ppm::in_quotes(name.qualified()) + ".",
                            "Create the table first."};
}

bool is_our_trigger(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        return false;
    const auto* const trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    const Oid config =
        ppm::call([] { return get_relname_relid("config", get_namespace_oid("ppm", false)); });
    return TRIGGER_FIRED_AFTER(trigger->tg_event) && TRIGGER_FIRED_FOR_ROW(trigger->tg_event) &&
           RelationGetRelid(trigger->tg_relation) == config;
}

// Checks and warns of what a CHECK constraint cannot know. That the table is not what it should be
// is only a warning: a dump is to be restored also where its tables are not, or not yet, what they
// were.
void inspect(const TableName& name) {
    const auto managed = ppm::read_parent(name);
    if (!managed)
        return;
    const ppm::Configuration& configuration = managed->parent.configuration;
    // pg_dump switches this setting off, for what may be true only where the dump came from.
    if (!managed->zone && check_function_bodies)
        throw ppm::PpmError{
            ERRCODE_CHECK_VIOLATION,
            "time zone " + ppm::in_quotes(configuration.timezone) + " not recognized",
            {},
            "Use a name of pg_timezone_names."};
    if (check_function_bodies)
        ppm::require_valid_options(configuration.partition_options);
    for (const ppm::Anomaly& anomaly : validate(managed->parent))
        ppm::warn(configuration, anomaly);
}

}  // namespace

// AFTER INSERT OR UPDATE OR DELETE, FOR EACH ROW: what it returns does not matter.
Datum ppm_configuration_written(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        if (!is_our_trigger(fcinfo))
            throw ppm::PpmError{
                ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                "ppm.configuration_written() is only for its own trigger on ppm.config"};
        const auto* const trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
        const TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
        const ppm::SpiConnection spi{false};

        require_rights_over(table_name_in(trigger->tg_trigtuple, descriptor));
        if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
            return Datum{};

        const bool updated = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
        const TableName name =
            table_name_in(updated ? trigger->tg_newtuple : trigger->tg_trigtuple, descriptor);
        if (updated)
            require_rights_over(name);
        inspect(name);
        ppm::confirm_clock(name);
        return Datum{};
    });
}
