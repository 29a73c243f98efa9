// Everything that a table has besides columns and rows, and how another one that comes to bear its
// name gets it.
#pragma once

#include "pg/bridge/spi.hpp"
#include "pg/convert/unique.hpp"

namespace ppm {

// A statement, and as whom it is executed.
struct RoleStatement {
    Oid role;
    std::string sql;
};

// Whose privileges. Privileges are copied as they are: who granted them is not always the owner,
// and GRANT would need to be called by each of them.
using Privileges = std::optional<std::vector<AclItem>>;
Privileges privileges_in(std::optional<Datum> acl);

struct Properties {
    // What a table must not have any more when another one gets it: triggers, identities.
    std::vector<std::string> removals;
    // Primary key, unique keys, indexes, foreign keys.
    std::vector<std::string> keys;
    // Triggers, identities, policies, comments, statistics and what ALTER TABLE sets.
    std::vector<std::string> rest;
    // Who owns the sequences, and where the table is published; and first, that it is not.
    std::vector<RoleStatement> references;
    std::vector<RoleStatement> unpublish;
    std::vector<RoleStatement> views;

    std::map<std::string, Privileges> identity_privileges;  // by column

    // The names of indexes and statistics objects, each with how it is renamed out of the way.
    struct Renaming {
        std::string kind;  // INDEX, STATISTICS
        std::string schema_name;
        std::string name;
        std::string away;
    };
    std::vector<Renaming> renamings;
};

// As SQL makes it now: an index, or the constraint that it belongs to.
std::string definition_of(Oid index);

// Of the table in `parent`, for one that will bear its name. `ending` is what names get that have
// to give way. Indexes that were only built to take the place of others are left out. Asks the
// catalog: under a lock on the table it is what it says.
Properties properties_of(const Parent& parent, const std::string& ending,
                         const std::vector<NarrowIndex>& indexes);

// The tables, views and sequences that come along, or are referred to: what the statements lock.
std::vector<Oid> companions_of(Oid relation);

// Gives the relation, and its columns of the same names, the privileges that the other has.
void copy_privileges(Oid from, Oid to);

// Gives the identities of the relation those that they had.
void restore_identity_privileges(Oid relation, const Properties& properties);

// What the triggers and the views over a relation are, by OIDs, for comparison: names in statements
// could have come to mean something else. `instead` stands for the relation.
std::string fingerprint_of_companions(Oid relation, Oid instead);

}  // namespace ppm
