// Tables that Citus distributes: what is here of them is an empty shell, their rows are in shards,
// mostly on other servers.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Whether Citus' catalog names the relation. Reads that catalog itself: a caller of ppm may not be
// allowed to. Throws PostgresError.
bool is_distributed(Oid relation);

// Whether Citus itself is at work in this server. Without it a query finds the empty shell, too.
// Throws PostgresError.
bool citus_is_loaded();

// Gives each parent that has to do with Citus its distribution. Needs an SpiConnection; throws
// PostgresError.
void read_distributions(std::vector<ManagedParent>& parents);

// What bears the name of a table that was attached to a distributed one. Of a table whose rows stay
// on the coordinator Citus makes its shard, and puts an empty shell with its name in its place; any
// other is its own shell. Throws PostgresError.
Oid shell_of(Oid relation, const std::string& name);

// The statements that come before each one that changes a distributed table. Citus passes on what a
// SET statement sets, and nothing else: without them ppm's timeouts would not hold on the workers.
std::vector<std::string> settings_for_shards(int lock_timeout, int statement_timeout);

}  // namespace ppm
