// The names in a statement, and the OIDs that were judged: how long the one means the other.
#pragma once

#include "core/plan/parent.hpp"
#include "pg/bridge/postgres.hpp"

namespace ppm {

// A relation, and the name that it had when it was judged.
struct NamedRelation {
    RelationId relation;
    const std::string& schema_name;
    const std::string& name;

    explicit NamedRelation(const Parent& parent)
        : relation{parent.table->relation},
          schema_name{parent.configuration.schema_name},
          name{parent.configuration.table_name} {}
    explicit NamedRelation(const Partition& partition)
        : relation{partition.relation}, schema_name{partition.schema_name}, name{partition.name} {}
};

// Whether the relation exists and bears that name. May ereport.
bool is_named(RelationId relation, const char* schema_name, const char* name);

// Has whoever renames or drops the schemas of these relations wait until the transaction ends.
// Nobody else waits: not for a GRANT, nor for a table in the schema. Throws PostgresError.
void lock_schema_names(const std::vector<Oid>& relations);

// The same for the schemas of functions, operators and types that the relations' indexes, triggers,
// constraints, policies and statistics use. To be called before their definitions are read, for
// statements that make the like: they name what they use.
void lock_used_names(const std::vector<Oid>& relations);

// Has whoever drops the function, or renames its schema, wait until the transaction ends. Its name
// may have come to mean another one before.
void lock_function_name(Oid function);

// From here to the end of the transaction a statement that names the relations means them. Each is
// locked, so that it is not renamed itself. To be called last, after every wait and every scan.
// Throws 55000 if one bears another name by now.
void lock_names(const std::vector<NamedRelation>& relations);

}  // namespace ppm
