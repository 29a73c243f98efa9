#include "pg/run/top_level.hpp"

namespace ppm {

// Like exec_simple_query() in postgres.c: in a portal, and with everything that must survive the
// transaction in its own memory context.
void execute_top_level(const char* statement, CommandTag tag) {
    debug_query_string = statement;
    pgstat_report_activity(STATE_RUNNING, statement);

    PushActiveSnapshot(GetTransactionSnapshot());
    RawStmt* const raw = linitial_node(RawStmt, pg_parse_query(statement));
    List* const planned = pg_plan_queries(analyze(raw, statement), statement, 0, nullptr);
    PopActiveSnapshot();

    Portal portal = CreatePortal("", true, true);
    portal->visible = false;
    PortalDefineQuery(portal, nullptr, statement, tag, planned, nullptr);
    PortalStart(portal, nullptr, 0, InvalidSnapshot);
    run_portal(portal);
    PortalDrop(portal, false);
}

}  // namespace ppm
