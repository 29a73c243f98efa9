#include "pg/run/drop_at_once.hpp"

#include "core/text.hpp"
#include "pg/bridge/messages.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/effects.hpp"
#include "pg/ddl/locks.hpp"
#include "pg/ddl/names.hpp"
#include "pg/run/session.hpp"

namespace ppm {

Removal removal_of(const WorkerRequest& request) {
    return {request.partition,
            request.parent,
            request.record.table(),
            {NameStr(request.partition_schema), NameStr(request.partition_name)},
            request.record.bounds(),
            request.policy,
            request.row_hash};
}

bool bears_its_name(const WorkerRequest& request) {
    return call([&] {
        return is_named(request.partition, NameStr(request.partition_schema),
                        NameStr(request.partition_name));
    });
}

bool drop_at_once(const WorkerRequest& request, const WorkerSettings& settings,
                  const std::string& path) {
    if (!drop_locks_nothing_else(request.partition))
        return false;
    try {
        Subtransaction subtransaction;
        const Removal removal = removal_of(request);
        if (!remove_entry_just_detached(removal))
            return false;
        {
            // Others may wait for this transaction's locks, so it must not wait for another one.
            LocalSettings at_once;
            at_once.set("lock_timeout", "1");
            lock_schema_names({request.partition});
        }
        if (!bears_its_name(request))
            return false;
        const std::string statement = "DROP TABLE " + identifier(removal.partition.schema_name) +
                                      "." + identifier(removal.partition.table_name);
        execute_as(settings.owner, statement, path, settings.statement_timeout);
        require_dropped(removal.relation, removal.partition.qualified());
        subtransaction.commit();
        return true;
    } catch (const Error& error) {
        if (ends_the_call(error))
            throw;
        const std::string said = "ppm drops the table later: " + error.message();
        call([&] { tell(DEBUG1, ERRCODE_SUCCESSFUL_COMPLETION, said.c_str()); });
        return false;
    }
}

}  // namespace ppm
