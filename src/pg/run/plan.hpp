// The core's plan of a parent, made with what this server can tell.
#pragma once

#include "core/plan/planner.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/catalog/catalog.hpp"

namespace ppm {

Windows windows_of(const ManagedParent& managed, const Clock& clock);

KeyCodec codec_of(const ManagedParent& managed);

// Whether a relation or a type bears that name. Throws PostgresError.
bool relation_exists(const std::string& schema_name, const std::string& name);

// What is to be done for a parent that is valid and has its partitions, today as `clock` has it.
// Throws PostgresError.
Plan plan_for(const ManagedParent& managed, const Clock& clock, Look look = Look::into_tables);

}  // namespace ppm
