// Makes sure that the names in a statement still mean the OIDs that were checked.
#pragma once

#include "core/plan/parent.hpp"
#include "pg/bridge/postgres.hpp"

namespace ppm {

// A relation, and the name that it had when it was checked.
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

// Makes a rename or drop of the schemas of these relations wait until the transaction ends. Nothing
// else waits: neither a GRANT nor a table in the schema. Throws PostgresError.
void lock_schema_names(const std::vector<Oid>& relations);

// The same for the schemas of functions, operators and types that the relations' indexes, triggers,
// constraints, policies and statistics use. Call it before reading their definitions for statements
// that create copies: definitions name the objects that they use.
void lock_used_names(const std::vector<Oid>& relations);

// Makes a drop of the function, or a rename of its schema, wait until the transaction ends. The
// name may have come to mean another function before.
void lock_function_name(Oid function);

// From here to the end of the transaction, a statement that names the relations means them. The
// caller holds a lock on each, so that it is not renamed itself. Call this last, after every wait
// and every scan. Throws 55000 if a relation has another name by now.
void lock_names(const std::vector<NamedRelation>& relations);

}  // namespace ppm
