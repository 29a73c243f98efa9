// CALL ppm.convert(), ppm.plan_conversion(), and CALL ppm.abandon() for a conversion.
#pragma once

#include "pg/convert/conversion.hpp"
#include "pg/records/history.hpp"
#include "pg/run/session.hpp"

namespace ppm {

// Converts the table, or goes on where a call was interrupted. Returns the partitioned table.
RelationId convert(Session& session, History& history, RelationId relation, bool extend_unique);

// Takes back a conversion of the relation, be it complete or not. Returns whether there was one.
bool abandon_conversion(Session& session, History& history, RelationId relation);

// A row of ppm.plan_conversion(): a numbered step or, without a number, an obstacle or a warning.
struct PlannedStep {
    std::optional<int> number;
    std::string action;
    std::string statement;
    std::string lock;
    std::string detail;
    std::string hint;
};

std::vector<PlannedStep> plan_conversion(RelationId relation);

}  // namespace ppm
