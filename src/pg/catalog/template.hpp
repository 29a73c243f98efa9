// ppm.config.template: the table that new partitions are also like.
#pragma once

#include "core/plan/parent.hpp"
#include "pg/bridge/postgres.hpp"

namespace ppm {

// Finds out why the parent's template cannot be used, if so. Looks the template up each time: it
// may have been replaced, changed, or given to another owner. Throws PostgresError.
void read_template(Parent& parent);

// The template's OID. Throws 55000 if it contradicts the parent. Keeps a lock on it and on all
// tables below it, so that they do not change. Call it inside a step.
RelationId lock_template(const Parent& parent);

// The name of a table as PostgreSQL writes it, with its schema; nothing if there is none, or it is
// written otherwise.
std::optional<std::string> spelled_template(const std::string& name);

}  // namespace ppm
