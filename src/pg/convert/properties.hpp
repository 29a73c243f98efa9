// Everything that a table has besides columns and rows, and the statements that give it to another
// table that takes over its name.
#pragma once

#include "pg/bridge/spi.hpp"
#include "pg/convert/unique.hpp"

namespace ppm {

// A statement, and as whom it is executed.
struct RoleStatement {
    Oid role;
    std::string sql;
};

// An ACL. It is copied as it is: the grantor is not always the owner, and GRANT would have to run
// as each grantor.
using Privileges = std::optional<std::vector<AclItem>>;
Privileges privileges_in(std::optional<Datum> acl);

struct Properties {
    // Take triggers and identities from the old table, before the new one gets them.
    std::vector<std::string> removals;
    // Primary key, unique keys, indexes, foreign keys.
    std::vector<std::string> keys;
    // Triggers, identities, policies, comments, statistics and what ALTER TABLE sets.
    std::vector<std::string> rest;
    // Owners of sequences, and publications; `unpublish` first takes the table out of these.
    std::vector<RoleStatement> references;
    std::vector<RoleStatement> unpublish;
    std::vector<RoleStatement> views;

    std::map<std::string, Privileges> identity_privileges;  // by column

    // New names for the old table's indexes and statistics objects, to free the old names.
    struct Renaming {
        std::string kind;  // INDEX, STATISTICS
        std::string schema_name;
        std::string name;
        std::string away;
    };
    std::vector<Renaming> renamings;
};

// The statement that creates the index, or the constraint that the index belongs to, as the role
// (see definitions.hpp).
std::string definition_of(Oid role, Oid index);

// The properties of the table in `parent`, for a table that will take over its name. `ending` is
// appended to names that must give way. Leaves out indexes that were built only to replace others.
// Reads the catalog, so the result is reliable only under a lock on the table.
Properties properties_of(const Parent& parent, const std::string& ending,
                         const std::vector<NarrowIndex>& indexes);

// Locks the tables, and what the statements lock with them: the views, sequences and referenced
// tables that are carried over, and what else the views read.
void lock_with_companions(const std::vector<Oid>& tables);

// Gives the relation, and its columns of the same names, the privileges that the other has.
void copy_privileges(Oid from, Oid to);

// Gives the relation's identity sequences the privileges that they had before.
void restore_identity_privileges(Oid relation, const Properties& properties);

// The triggers of a table, by name, and the views over it: what another table is to have after it.
struct TriggersAndViews {
    std::vector<std::string> triggers;
    std::vector<Oid> views;
};
TriggersAndViews triggers_and_views_of(Oid relation);

// A fingerprint of these, as the relation has them. It uses OIDs: names in statements may have come
// to mean something else. `instead` replaces the relation's own OID.
std::string fingerprint_of(const TriggersAndViews& companions, Oid relation, Oid instead);

}  // namespace ppm
