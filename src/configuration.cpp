// What happens when a row of ppm.config is written.
#include "core/plan/parent.hpp"

#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/bridge/version.hpp"
#include "pg/catalog/configured_relations.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/template.hpp"
#include "pg/ddl/partition_options.hpp"
#include "pg/records/clock_reference.hpp"
#include "pg/records/hooks.hpp"
#include "pg/records/ledger.hpp"
#include "pg/run/archive.hpp"
#include "pg/run/removal_warning.hpp"
#include "pg/run/report.hpp"

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

// The owner of the table that an existing row was written for has the rights over the row, even if
// the table was renamed: the owner may make the row follow the table, or delete it. Nobody else has
// them as long as that table exists, whatever has its name now.
void require_rights_over_row(const TableName& name) {
    const auto meant = ppm::existing_configured_relation(name);
    const bool is_mine = meant && ppm::call([&] {
                             return ppm::is_owner(*meant, GetUserId()) &&
                                    ppm::may_act_as(GetUserId(), ppm::owner_of(*meant));
                         });
    if (is_mine)
        return;
    ppm::require_rights_over(name);
    if (meant)
        ppm::require_owner(*meant, name.table_name);
}

// An UPDATE of many rows may unintentionally confirm a row whose table was replaced.
void warn_if_replaced(const TableName& name, Oid relation) {
    const auto before = ppm::configured_relation(name);
    if (!before || *before == relation)
        return;
    const std::string table = ppm::in_quotes(name.qualified());
    ppm::call([&] {
        ereport(
            WARNING,
            (errcode(ERRCODE_WARNING),
             errmsg("the configuration of table %s is now that of another table", table.c_str()),
             errdetail("It belonged to the relation with OID %u. From now on it belongs to the "
                       "relation with OID %u.",
                       *before, relation),
             errhint("If you did not intend this, delete its row from ppm.config.")));
    });
}

// From now on the row means the relation that has its name now, not one that gets the name later.
void remember(const TableName& name, const std::optional<TableName>& before) {
    const auto relation = ppm::require_rights_over(name);
    if (before && *before != name)
        ppm::forget_configured_relation(*before);
    // Keeps the recorded relation: a new table of this name will not be the table that was meant.
    if (!relation)
        return;
    if (before == name)
        warn_if_replaced(name, *relation);
    ppm::record_configured_relation(name, *relation);
}

// Hooks have only a name: these may have been written for another table that had it.
void warn_of_hooks(const TableName& name) {
    const std::string hooks = ppm::hooks_named(name);
    if (hooks.empty())
        return;
    const std::string table = ppm::in_quotes(name.qualified());
    ppm::call([&] {
        ereport(WARNING,
                (errcode(ERRCODE_WARNING), errmsg("table %s has hooks already", table.c_str()),
                 errdetail("They are: %s.", hooks.c_str()),
                 errhint("If they are not yours, delete them from ppm.hooks.")));
    });
}

bool is_our_trigger(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        return false;
    const auto* const trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    return TRIGGER_FIRED_AFTER(trigger->tg_event) && TRIGGER_FIRED_FOR_ROW(trigger->tg_event) &&
           ppm::is_configuration(trigger->tg_relation);
}

// Checks what a CHECK constraint cannot check. A table that does not fit only causes a warning: a
// dump must be restorable even where its tables do not exist yet, or have changed.
void inspect(const TableName& name) {
    const auto managed = ppm::read_parent(name);
    if (!managed)
        return;
    const ppm::Configuration& configuration = managed->parent.configuration;
    // pg_dump turns this setting off: what it checks may hold only where the dump came from.
    if (!managed->zone && check_function_bodies)
        throw ppm::PpmError{
            ERRCODE_CHECK_VIOLATION,
            "time zone " + ppm::in_quotes(configuration.timezone) + " not recognized",
            {},
            "Use a name of pg_timezone_names."};
    if (check_function_bodies)
        ppm::require_valid_options(configuration.partition_options);
    const std::vector<ppm::Anomaly> anomalies = validate(managed->parent);
    for (const ppm::Anomaly& anomaly : anomalies)
        ppm::warn(configuration, anomaly);
    if (!anomalies.empty())
        return;
    ppm::Parent parent = managed->parent;
    ppm::read_template(parent);
    if (!parent.template_problem.empty())
        ppm::warn_of(configuration, {template_mismatch(parent)});
    if (!configuration.archive_schema)
        return;
    if (const auto problem = ppm::archive_problem(managed->parent))
        ppm::warn_of(configuration, {*problem});
}

// Whether a setting changed that decides which partitions are outdated, or what happens to them.
bool changes_removals(const TriggerData& trigger) {
    const TupleDesc descriptor = RelationGetDescr(trigger.tg_relation);
    const auto value = [&](HeapTuple row, const char* name) {
        return ppm::call(
            [=] { return SPI_getvalue(row, descriptor, SPI_fnumber(descriptor, name)); });
    };
    const auto differs = [&](const char* name) {
        const char* const before = value(trigger.tg_trigtuple, name);
        const char* const now = value(trigger.tg_newtuple, name);
        return before == nullptr || now == nullptr ? before != now
                                                   : std::string_view{before} != now;
    };
    return differs("interval") || differs("retention") || differs("cleanup_policy");
}

}  // namespace

// AFTER INSERT OR UPDATE OR DELETE, FOR EACH ROW: the return value is ignored.
Datum ppm_configuration_written(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        if (!is_our_trigger(fcinfo))
            throw ppm::PpmError{
                ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                "ppm.configuration_written() is only for its own trigger on ppm.config"};
        const auto* const trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
        const TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
        const ppm::SpiConnection spi{false};

        const TableName old_or_only = table_name_in(trigger->tg_trigtuple, descriptor);
        if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event)) {
            remember(old_or_only, std::nullopt);
            warn_of_hooks(old_or_only);
            ppm::follow_policy(old_or_only);
            inspect(old_or_only);
            ppm::confirm_clock(old_or_only);
            return Datum{};
        }
        require_rights_over_row(old_or_only);
        if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event)) {
            ppm::forget_configured_relation(old_or_only);
            return Datum{};
        }
        const TableName name = table_name_in(trigger->tg_newtuple, descriptor);
        const auto meant = ppm::configured_relation(old_or_only);
        remember(name, old_or_only);
        if (ppm::configured_relation(name) != meant)
            warn_of_hooks(old_or_only);
        if (name != old_or_only) {
            warn_of_hooks(name);
            ppm::rename_hooks(old_or_only, name);
        }
        ppm::follow_policy(name);
        inspect(name);
        ppm::confirm_clock(name);
        if (changes_removals(*trigger))
            ppm::warn_of_removals(name);
        return Datum{};
    });
}
