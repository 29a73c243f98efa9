#include "pg/run/bounds_check.hpp"

#include "pg/bridge/role_path.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/names.hpp"
#include "pg/run/session.hpp"

namespace ppm {

namespace {

constexpr char check_name[] = "ppm_comes_back";

void alter(const ManagedParent& managed, const Partition& table, const std::string& change) {
    execute_as_owner(managed.parent, "ALTER TABLE " + identifier(table.schema_name) + "." +
                                         identifier(table.name) + " " + change);
}

// The condition of that CHECK constraint as the planner has it. May ereport.
List* condition_of(Relation table) {
    const TupleConstr* const constraints = RelationGetDescr(table)->constr;
    for (int i = 0; constraints != nullptr && i < constraints->num_check; ++i) {
        const ConstrCheck& each = constraints->check[i];
        if (strcmp(each.ccname, check_name) != 0)
            continue;
        Node* const condition =
            eval_const_expressions(nullptr, static_cast<Node*>(stringToNode(each.ccbin)));
        return make_ands_implicit(canonicalize_qual(reinterpret_cast<Expr*>(condition), true));
    }
    elog(ERROR, "constraint %s of table \"%s\" does not exist", check_name,
         RelationGetRelationName(table));
}

// Whether valid constraints of the table have the same effect, like the one that DETACH
// CONCURRENTLY leaves. PostgreSQL may evaluate what the owner has written in them.
bool is_implied(const ManagedParent& managed, const Partition& table) {
    const Oid owner = managed.parent.table->owner;
    const RoleContext role{owner, search_path_of(owner), statement_timeout()};
    return call([&] {
        CommandCounterIncrement();
        const Relation opened = table_open(table.relation, NoLock);
        const bool result = PartConstraintImpliedByRelConstraint(opened, condition_of(opened));
        table_close(opened, NoLock);
        return result;
    });
}

}  // namespace

bool add_bounds_check(const ManagedParent& managed, const Partition& table) {
    lock_names({NamedRelation{table}});
    alter(managed, table,
          std::string{"ADD CONSTRAINT "} + check_name + " CHECK (" +
              bounds_condition(managed, table.bounds) + ") NOT VALID");
    if (is_implied(managed, table)) {
        drop_bounds_check(managed, table);
        return false;
    }
    alter(managed, table, std::string{"VALIDATE CONSTRAINT "} + check_name);
    return true;
}

void drop_bounds_check(const ManagedParent& managed, const Partition& partition) {
    alter(managed, partition, std::string{"DROP CONSTRAINT "} + check_name);
}

}  // namespace ppm
