#include "pg/catalog/referring_parents.hpp"

#include "pg/bridge/spi.hpp"
#include "pg/catalog/references.hpp"

namespace ppm {

namespace {

// The copies of a foreign key that PostgreSQL keeps for each partition add nothing.
constexpr char references_query[] =
    "SELECT DISTINCT of.relid::oid, to_.relid::oid FROM pg_constraint k "
    "CROSS JOIN LATERAL pg_partition_ancestors(k.conrelid) AS of "
    "CROSS JOIN LATERAL pg_partition_ancestors(k.confrelid) AS to_ "
    "WHERE k.contype = 'f' AND k.conparentid = 0 AND of.relid = ANY ($1) AND to_.relid = ANY ($2)";

// Depth first: a table that refers to a parent comes before it.
class Order {
  public:
    explicit Order(std::vector<ManagedParent>& parents) : parents_{parents} {
        for (std::size_t i = 0; i < parents.size(); ++i)
            if (parents[i].parent.table)
                places_.emplace(parents[i].parent.table->relation, i);
    }

    std::vector<ManagedParent> take() {
        for (std::size_t i = 0; i < parents_.size(); ++i)
            visit(i);
        return std::move(ordered_);
    }

  private:
    void visit(std::size_t i) {
        if (!visited_.insert(i).second)
            return;
        for (const RelationId each : parents_[i].parent.referring_parents)
            if (const auto found = places_.find(each); found != places_.end())
                visit(found->second);
        ordered_.push_back(std::move(parents_[i]));
    }

    std::vector<ManagedParent>& parents_;
    std::map<RelationId, std::size_t> places_;
    std::set<std::size_t> visited_;
    std::vector<ManagedParent> ordered_;
};

}  // namespace

void read_referring_parents(std::vector<ManagedParent>& parents) {
    std::map<RelationId, Parent*> by_relation;
    std::vector<Oid> relations;
    for (ManagedParent& managed : parents)
        if (managed.parent.table) {
            by_relation.emplace(managed.parent.table->relation, &managed.parent);
            relations.push_back(managed.parent.table->relation);
        }
    const std::vector<Oid> referenced = possibly_referenced(relations);
    if (referenced.empty())
        return;
    for (const auto& [from, to] :
         query(references_query, {oid_array_parameter(relations), oid_array_parameter(referenced)})
             .as<Oid, Oid>()) {
        Parent& parent = *by_relation.at(to);
        if (from == to)
            parent.refers_to_itself = true;
        else
            parent.referring_parents.push_back(from);
    }
}

void put_referring_first(std::vector<ManagedParent>& parents) {
    parents = Order{parents}.take();
}

}  // namespace ppm
