#include "pg/ddl/used_schemas.hpp"

#include "pg/bridge/guard.hpp"
#include "pg/catalog/scan.hpp"

namespace ppm {

namespace {

// Where a relation's objects are recorded.
struct Objects {
    Oid catalog;
    Oid index;
    AttrNumber relation;  // the column that has the relation
    Oid kind;             // the catalog that pg_depend names for them
};

constexpr std::array objects_of_relations{
    // An index is a relation itself.
    Objects{IndexRelationId, IndexIndrelidIndexId, Anum_pg_index_indrelid, RelationRelationId},
    Objects{TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid, TriggerRelationId},
    Objects{ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid,
            ConstraintRelationId},
    Objects{PolicyRelationId, PolicyPolrelidPolnameIndexId, Anum_pg_policy_polrelid,
            PolicyRelationId},
    Objects{AttrDefaultRelationId, AttrDefaultIndexId, Anum_pg_attrdef_adrelid,
            AttrDefaultRelationId},
    Objects{StatisticExtRelationId, StatisticExtRelidIndexId, Anum_pg_statistic_ext_stxrelid,
            StatisticExtRelationId}};

// Rows of all these catalogs begin with the object's OID.
Oid oid_of(HeapTuple tuple) {
    return *reinterpret_cast<const Oid*>(GETSTRUCT(tuple));
}

bool has_name_in_definitions(Oid kind) {
    return kind == ProcedureRelationId || kind == OperatorRelationId || kind == TypeRelationId ||
           kind == OperatorClassRelationId || kind == CollationRelationId;
}

// May ereport.
List* add_schemas(List* schemas, Oid kind, Oid object) {
    each_row(DependRelationId, DependDependerIndexId,
             std::array{std::pair{AttrNumber{Anum_pg_depend_classid}, kind},
                        std::pair{AttrNumber{Anum_pg_depend_objid}, object}},
             [&](HeapTuple tuple) {
                 const auto* const form = reinterpret_cast<Form_pg_depend>(GETSTRUCT(tuple));
                 if (!has_name_in_definitions(form->refclassid))
                     return;
                 const ObjectAddress used{form->refclassid, form->refobjid, 0};
                 schemas = list_append_unique_oid(schemas, get_object_namespace(&used));
             });
    return schemas;
}

// May ereport.
List* schemas_used_by(Oid relation) {
    List* schemas = add_schemas(NIL, RelationRelationId, relation);
    for (const Objects& each : objects_of_relations)
        each_row(each.catalog, each.index, each.relation, relation, [&](HeapTuple tuple) {
            schemas = add_schemas(schemas, each.kind, oid_of(tuple));
        });
    return schemas;
}

}  // namespace

std::set<Oid> used_schemas(const std::vector<Oid>& relations) {
    std::set<Oid> result;
    for (const Oid relation : relations) {
        const List* const schemas = call([=] { return schemas_used_by(relation); });
        for (int i = 0; i < list_length(schemas); ++i)
            result.insert(list_nth_oid(schemas, i));
    }
    return result;
}

}  // namespace ppm
