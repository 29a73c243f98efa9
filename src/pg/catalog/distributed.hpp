// Tables that Citus distributes: the table itself is an empty shell, its rows are in shards, mostly
// on other servers.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Whether Citus' catalog names the relation. Reads that catalog itself: a caller of ppm may not be
// allowed to. Throws PostgresError.
bool is_distributed(Oid relation);

// Whether Citus itself is at work in this server. Without it a query finds the empty shell, too.
// Throws PostgresError.
bool citus_is_loaded();

// Reads which parents Citus distributes, and why ppm cannot manage them. Needs an SpiConnection;
// throws PostgresError.
void read_distributions(std::vector<ManagedParent>& parents);

// The relation that has the name of a table after it was attached to a distributed table. If the
// table's rows stay on the coordinator, Citus makes it a shard, and puts an empty shell with its
// name in its place. Otherwise it is the table itself. Throws PostgresError.
Oid shell_of(Oid relation, const std::string& name);

// The statements to run before each one that changes a distributed table. Citus propagates only
// what a SET statement sets: without these, ppm's timeouts would not hold on the workers.
std::vector<std::string> settings_for_shards(int lock_timeout, int statement_timeout);

}  // namespace ppm
