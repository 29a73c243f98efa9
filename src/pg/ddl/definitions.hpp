// What PostgreSQL writes of the objects of a table (ruleutils.c), for a statement that will be
// executed as a role, under that role's search_path.
//
// PostgreSQL leaves out the schema of what the current search_path finds. Under another path the
// same words may mean something else: a function with the exact types of the arguments, in any
// schema of the path, comes before a polymorphic one of pg_catalog (FuncnameGetCandidates() in
// namespace.c). Somebody who may create functions there could have his own run. So these are
// written under the path that the statement will have.
//
// Without a role, the text is for a person, whose path is not known: only what is in pg_catalog
// lacks its schema.
//
// Each throws PostgresError if the object does not exist any more.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

// `CREATE INDEX ...`, with the qualified name of its table.
std::string index_definition(Oid role, Oid index);

// The same, with the tablespace.
std::string index_definition_with_tablespace(Oid role, Oid index);

// `PRIMARY KEY (...)`, as ALTER TABLE ... ADD takes it.
std::string constraint_definition(Oid role, Oid constraint);

// `ALTER TABLE ... ADD CONSTRAINT ...`, with storage parameters and the tablespace.
std::string constraint_statement(Oid role, Oid constraint);

// `CREATE TRIGGER ...`, with the qualified name of its table.
std::string trigger_definition(Oid role, Oid trigger);

// `CREATE STATISTICS ...`
std::string statistics_definition(Oid role, Oid statistics);

// The columns and expressions of the same, between ON and FROM.
std::string statistics_columns(Oid role, Oid statistics);

// An expression of the table (as pg_policy has it), for a table of that name: a subquery may refer
// to the table. pg_get_expr() knows only its own name.
std::string expression_definition(Oid role, const std::string& tree, Oid table,
                                  const std::string& name);

// `RANGE (...)`, as PARTITION BY takes it.
std::string partition_key_definition(Oid role, Oid table);

}  // namespace ppm
