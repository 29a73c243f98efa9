// BEFORE a row of ppm.hooks is written: its function gets the one spelling that every later call
// understands, and the writer must have the rights of the table's owner.
#include "pg/records/hooks.hpp"
#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/bridge/version.hpp"
#include "pg/catalog/catalog.hpp"
#include "pg/catalog/configured_relations.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/records/ledger.hpp"

extern "C" {
PG_FUNCTION_INFO_V1(ppm_hook_written);
}

namespace {

using ppm::TableName;

constexpr const char* what_a_hook_is =
    "A hook is a function that returns void. Write it with its schema and the types of its "
    "arguments, as in archive.export(regclass, regclass, text, text).";

bool is_our_trigger(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        return false;
    const auto* const trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
    return TRIGGER_FIRED_BEFORE(trigger->tg_event) && TRIGGER_FIRED_FOR_ROW(trigger->tg_event) &&
           RelationGetRelid(trigger->tg_relation) == ppm::call([] {
               return get_relname_relid("hooks", get_namespace_oid("ppm", false));
           });
}

std::string value_of(HeapTuple row, TupleDesc descriptor, const char* column) {
    return ppm::call([=] {
        const char* const value = SPI_getvalue(row, descriptor, SPI_fnumber(descriptor, column));
        return value == nullptr ? "" : value;
    });
}

TableName table_of(HeapTuple row, TupleDesc descriptor) {
    return {value_of(row, descriptor, "schema_name"), value_of(row, descriptor, "table_name")};
}

ppm::PpmError refused(int sqlstate, const std::string& function, const std::string& problem) {
    return {sqlstate, "hook function " + function + " " + problem, {}, what_a_hook_is};
}

// The function as PostgreSQL writes it, with its schema; nothing if it does not exist.
std::optional<std::string> spelled(const std::string& function) {
    try {
        return ppm::query("SELECT to_regprocedure($1)::text", {ppm::text_parameter(function)})
            .value<std::optional<std::string>>();
    } catch (const ppm::PostgresError&) {
        // The text does not parse as a function; the caller's statement fails.
        throw refused(ERRCODE_UNDEFINED_FUNCTION, function, "does not exist");
    }
}

int sqlstate_of(const std::string& problem) {
    if (problem.starts_with("belongs") || problem.starts_with("may not"))
        return ERRCODE_INSUFFICIENT_PRIVILEGE;
    return problem == "does not exist" ? ERRCODE_UNDEFINED_FUNCTION
                                       : ERRCODE_INVALID_FUNCTION_DEFINITION;
}

// pg_dump turns this setting off: the function may be valid only where the dump came from. If it is
// not valid here, it is reported as an anomaly later.
std::string checked(const std::string& function, std::optional<Oid> relation) {
    const auto name = spelled(function);
    if (!check_function_bodies)
        return name.value_or(function);
    if (!name)
        throw refused(ERRCODE_UNDEFINED_FUNCTION, function, "does not exist");
    if (!name->ends_with("(regclass,regclass,text,text)"))
        throw refused(ERRCODE_INVALID_FUNCTION_DEFINITION, function, "has the wrong arguments");
    if (!relation)
        return *name;
    const Oid owner = ppm::call([=] { return ppm::owner_of(*relation); });
    if (const std::string problem = ppm::hook_function(*name, owner).problem; !problem.empty())
        throw refused(sqlstate_of(problem), function, problem);
    return *name;
}

HeapTuple with_function(HeapTuple row, TupleDesc descriptor, const std::string& function) {
    const char* const text = function.c_str();
    return ppm::call([=] {
        int column = SPI_fnumber(descriptor, "function");
        Datum value = CStringGetTextDatum(text);
        bool is_null = false;
        // The row must outlive this SPI connection.
        HeapTuple const changed =
            heap_modify_tuple_by_cols(row, descriptor, 1, &column, &value, &is_null);
        return SPI_copytuple(changed);
    });
}

// Only a superuser may write a hook for a table whose row of ppm.config is missing, or was written
// for another one: whoever writes that row later may be somebody else.
void require_configured(const TableName& name, std::optional<Oid> relation) {
    if (relation && ppm::configured_relation(name) == relation)
        return;
    const std::string table = ppm::in_quotes(name.qualified());
    if (!superuser())
        throw ppm::PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                            "table " + table + " is not configured",
                            {},
                            "Insert its row into ppm.config first, or write it again."};
    if (!check_function_bodies || ppm::read_parent(name))
        return;
    ppm::call([&] {
        ereport(WARNING,
                (errcode(ERRCODE_WARNING), errmsg("table %s is not configured", table.c_str()),
                 errhint("Insert a row for it into ppm.config.")));
    });
}

// As require_rights_over(), and the rights over the table that the configuration of that name was
// written for: whoever owns the schema could have renamed that one away for a moment.
std::optional<Oid> require_rights_over_hooks_of(const TableName& name) {
    if (const auto meant = ppm::existing_configured_relation(name))
        ppm::require_owner(*meant, name.table_name);
    return ppm::require_rights_over(name);
}

HeapTuple written(HeapTuple row, TupleDesc descriptor, HeapTuple before) {
    const TableName name = table_of(row, descriptor);
    const auto relation = require_rights_over_hooks_of(name);
    const std::string function = value_of(row, descriptor, "function");
    // A null is left to the NOT NULL constraint.
    if (function.empty())
        return row;
    require_configured(name, relation);
    // An unchanged function has only followed its table to another name.
    if (before != nullptr && function == value_of(before, descriptor, "function"))
        return row;
    const std::string spelling = checked(function, relation);
    return with_function(row, descriptor, spelling);
}

}  // namespace

// BEFORE INSERT OR UPDATE OR DELETE, FOR EACH ROW.
Datum ppm_hook_written(PG_FUNCTION_ARGS) {
    return ppm::entry([fcinfo]() -> Datum {
        if (!is_our_trigger(fcinfo))
            throw ppm::PpmError{ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
                                "ppm.hook_written() is only for its own trigger on ppm.hooks"};
        const auto* const trigger = reinterpret_cast<TriggerData*>(fcinfo->context);
        const TupleDesc descriptor = RelationGetDescr(trigger->tg_relation);
        const ppm::SpiConnection spi{false};
        HeapTuple const row = trigger->tg_trigtuple;
        std::set tables{table_of(row, descriptor)};
        HeapTuple result = row;
        if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event)) {
            result = written(row, descriptor, nullptr);
        } else {
            require_rights_over_hooks_of(table_of(row, descriptor));
            if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event)) {
                tables.insert(table_of(trigger->tg_newtuple, descriptor));
                result = written(trigger->tg_newtuple, descriptor, row);
            }
        }
        // In the order of their names, so that two sessions do not wait for each other.
        for (const TableName& each : tables)
            ppm::lock_configuration_against_removals(each);
        return PointerGetDatum(result);
    });
}
