#include "pg/run/recorded.hpp"

#include "pg/catalog/rights.hpp"
#include "pg/run/plan.hpp"
#include "pg/run/report.hpp"

namespace ppm {

void record_failure(Session& session, History& history, RelationId relation, const char* action,
                    const Error& failed) {
    try {
        session.step([&] {
            const Parent parent = std::move(read_parents(relation).front().parent);
            if (may_manage(parent))
                history.record({failure_of(parent.configuration, action, failed)});
        });
    } catch (const Error&) {
        return;
    }
}

}  // namespace ppm
