// What a partition has from its parent beyond what LIKE and ATTACH PARTITION give it.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// ` USING ... WITH (...) TABLESPACE ...`, each only where the parent, or its configuration, has
// one.
std::string storage_clauses(const Parent& parent);

// The same with a template: also its storage parameters that partition_options does not set, and
// its tablespace, ` TABLESPACE ...`, if the parent has none.
std::string storage_clauses(const Parent& parent, const std::vector<std::string>& options,
                            const std::string& tablespace);

// `ALTER TABLE ...` and `COMMENT ON TABLE ...`, for the partition before it is attached;
// `partition` is its name as SQL writes it.
std::vector<std::string> property_statements(const Parent& parent, const std::string& partition);

// `CREATE STATISTICS ...`, with the names that LIKE would give them.
std::vector<std::string> statistics_statements(const Parent& parent, const std::string& schema_name,
                                               const std::string& name);

// `CREATE POLICY ...`, at the end. A policy may name objects that the owner cannot access. Without
// a policy, row level security lets everybody at the rows only through the parent.
std::vector<std::string> policy_statements(const Parent& parent, const std::string& schema_name,
                                           const std::string& name);

// `ALTER TABLE ... REPLICA IDENTITY USING INDEX ...`, if the parent's replica identity is an index.
// It runs after the partition is attached, in the same transaction: only then is it known which of
// its indexes belongs to the parent's. Before that, the index's name is the one that PostgreSQL
// would give it.
std::optional<std::string> replica_identity_statement(const Parent& parent,
                                                      const std::string& schema_name,
                                                      const std::string& name);

}  // namespace ppm
