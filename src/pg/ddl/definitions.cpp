#include "pg/ddl/definitions.hpp"

#include "pg/bridge/role_path.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/bridge/settings.hpp"

namespace ppm {

namespace {

// write() returns a C string, and may ereport.
template <typename Write>
std::string written_for(Oid role, Write write) {
    if (!OidIsValid(role))
        return call(write);
    const std::string path = search_path_of(role);
    // Which schemas of the path count depends on the role, too.
    const RoleContext context{role, path, statement_timeout()};
    return call(write);
}

std::string written_for(Oid role, PGFunction function, Oid object) {
    return written_for(role, [=] {
        return TextDatumGetCString(DirectFunctionCall1(function, ObjectIdGetDatum(object)));
    });
}

}  // namespace

std::string index_definition(Oid role, Oid index) {
    return written_for(role, pg_get_indexdef, index);
}

std::string index_definition_with_tablespace(Oid role, Oid index) {
    return written_for(role, [=] { return pg_get_indexdef_string(index); });
}

std::string constraint_definition(Oid role, Oid constraint) {
    return written_for(role, pg_get_constraintdef, constraint);
}

std::string constraint_statement(Oid role, Oid constraint) {
    return written_for(role, [=] { return pg_get_constraintdef_command(constraint); });
}

std::string trigger_definition(Oid role, Oid trigger) {
    return written_for(role, pg_get_triggerdef, trigger);
}

std::string statistics_definition(Oid role, Oid statistics) {
    return written_for(role, pg_get_statisticsobjdef, statistics);
}

std::string statistics_columns(Oid role, Oid statistics) {
    return written_for(role, pg_get_statisticsobjdef_columns, statistics);
}

std::string expression_definition(Oid role, const std::string& tree, Oid table,
                                  const std::string& name) {
    return written_for(role, [&] {
        return deparse_expression(static_cast<Node*>(stringToNode(tree.c_str())),
                                  deparse_context_for(name.c_str(), table), false, false);
    });
}

std::string partition_key_definition(Oid role, Oid table) {
    return written_for(role, pg_get_partkeydef, table);
}

}  // namespace ppm
