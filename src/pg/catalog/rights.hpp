// Who may do what.
#pragma once

#include "core/plan/parent.hpp"
#include "pg/bridge/postgres.hpp"

namespace ppm {

// Throws what PostgreSQL raises (42501) if the current user does not have the rights of the
// relation's owner, or must not act as that role.
void require_owner(Oid relation, const std::string& name);

// The same for the table of that name. If it does not exist, only a superuser may configure it in
// advance. Returns the table, if it exists.
std::optional<Oid> require_rights_over(const TableName& name);

// Whether the current user has these rights; if there is no table, whether the user is a superuser.
// May throw PostgresError.
bool may_manage(const Parent& parent);

// Throws 42501 with the fix if the relation, or any table below it, belongs to another role than
// `owner`. Keeps an ACCESS SHARE lock on each, so that its owner does not change.
void require_owner_of_tree(Oid owner, Oid relation);

// The relation's owner, or none if it does not exist. May ereport.
Oid owner_of(Oid relation);

// The owner of ppm's own tables, which is the extension's: ppm writes them as this role, whoever
// calls. May throw PostgresError.
Oid owner_of_ppm();

}  // namespace ppm
