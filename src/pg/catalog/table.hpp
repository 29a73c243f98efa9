// What PostgreSQL's catalog tells of the table that a row of ppm.config names.
#pragma once

#include "core/plan/parent.hpp"
#include "pg/bridge/postgres.hpp"

namespace ppm {

// The table with that name, if any. Reads the catalog caches (syscache.h): a call looks its tables
// up several times, and planning a query takes longer. Takes no lock. Throws PostgresError.
std::optional<Table> read_table(const TableName& name);

// What the relation is called now; nothing if it was dropped. Throws PostgresError.
std::optional<TableName> present_name_of(Oid relation);

// What partitions have in common with their parent.
struct CommonProperties {
    Oid tablespace;         // 0: the database's
    char replica_identity;  // REPLICA_IDENTITY_...
    char persistence;       // RELPERSISTENCE_...
    bool row_security;
    bool force_row_security;
    bool has_triggers;
};

// Those of a parent. All zero if there is no such relation any more. Throws PostgresError.
CommonProperties read_common_properties(Oid relation);

}  // namespace ppm
