#include "pg/run/hooks.hpp"

#include "core/text.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/names.hpp"
#include "pg/records/hooks.hpp"

namespace ppm {

namespace {

bool is_behind_its_step(HookEvent event) {
    return event == HookEvent::after_create || event == HookEvent::after_detach;
}

std::string statement_for(const ManagedParent& managed, const CallHook& hook,
                          const std::string& function, const std::string& parent,
                          const std::string& partition) {
    const ShownBounds bounds = shown_bounds(managed, hook.partition.bounds);
    return "SELECT " + function + "(" + parent + "::pg_catalog.regclass, " + partition +
           "::pg_catalog.regclass, " + literal(bounds.lower_value) + "::pg_catalog.text, " +
           literal(bounds.upper_value) + "::pg_catalog.text)";
}

// Checks again that the plan still fits: nothing was locked since.
void require_as_planned(const ManagedParent& managed, const CallHook& hook) {
    require_same_configuration(managed.parent);
    if (hook.event == HookEvent::before_detach)
        return require_same_bounds(managed, hook.partition);
    const Partition& partition = hook.partition;
    const bool is_same = call([&] {
        return is_named(partition.relation, partition.schema_name.c_str(),
                        partition.name.c_str()) &&
               !get_rel_relispartition(partition.relation);
    });
    if (!is_same)
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "table " + in_quotes(partition.qualified_name()) +
                           " was renamed, replaced or attached concurrently",
                       {},
                       "Call the procedure again."};
}

// Looks up the function again before each call: it may have been replaced, or have another owner. A
// lock keeps the meaning of its name until the call is over.
std::string callable_function(const ManagedParent& managed, const CallHook& hook) {
    const Oid owner = managed.parent.table->owner;
    const Oid named = hook_function(hook.function, owner).function;
    if (OidIsValid(named))
        lock_function_name(named);
    HookFunction function = hook_function(hook.function, owner);
    if (function.function != named)
        function.problem = "was replaced concurrently";
    if (!function.problem.empty())
        throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                       "hook function " + hook.function + " " + function.problem,
                       {},
                       "Fix the function, or delete its row from ppm.hooks."};
    return function.name;
}

// After a step, the pending hook has the OID. Before a step, checks the partition again.
std::optional<RelationId> relation_for(const ManagedParent& managed, const CallHook& hook) {
    if (is_behind_its_step(hook.event))
        return lock_pending_hook(managed, hook.event, hook.function, hook.partition);
    require_as_planned(managed, hook);
    return hook.partition.relation;
}

}  // namespace

void call_hook(Session& session, History& history, const ManagedParent& managed,
               const CallHook& hook) {
    if (session.atomic())
        return;
    CompletedAction called{Done::called, managed, hook.partition};
    called.action = name_of(hook.event);
    called.participle = "called " + called.action + " hook " + hook.function + " for";
    bool is_called = false;
    session.step([&] {
        lock_own_tables();
        const auto relation = relation_for(managed, hook);
        if (!relation)
            return;
        const std::string function = callable_function(managed, hook);
        execute_as_owner(
            managed.parent,
            statement_for(managed, hook, function, std::to_string(managed.parent.table->relation),
                          std::to_string(*relation)),
            hook_timeout());
        if (is_behind_its_step(hook.event))
            forget_pending_hook(*relation, hook.event, hook.function);
        history.record(called);
        is_called = true;
    });
    if (is_called)
        announce(called);
}

std::string hook_statement(const ManagedParent& managed, const CallHook& hook) {
    const auto quoted = [](const std::string& schema_name, const std::string& name) {
        return literal(identifier(schema_name) + "." + identifier(name));
    };
    const Configuration& configuration = managed.parent.configuration;
    return statement_for(managed, hook, hook.function.substr(0, hook.function.rfind('(')),
                         quoted(configuration.schema_name, configuration.table_name),
                         quoted(hook.partition.schema_name, hook.partition.name));
}

}  // namespace ppm
