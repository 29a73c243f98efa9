#include "pg/catalog/distributed.hpp"

#include "pg/catalog/scan.hpp"

namespace ppm {

List* distributed_relations() {
    List* relations = nullptr;
    const Oid catalog = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
    const AttrNumber column =
        OidIsValid(catalog) ? get_attnum(catalog, "logicalrelid") : InvalidAttrNumber;
    if (column == InvalidAttrNumber || get_atttype(catalog, column) != REGCLASSOID)
        return relations;
    const Relation table = try_relation_open(catalog, AccessShareLock);
    if (table == nullptr)
        return relations;
    if (table->rd_rel->relkind == RELKIND_RELATION)
        any_row(table, [&](TupleTableSlot* slot) {
            bool is_null = false;
            const Datum relation = slot_getattr(slot, column, &is_null);
            if (!is_null)
                relations = lappend_oid(relations, DatumGetObjectId(relation));
            return false;
        });
    relation_close(table, AccessShareLock);
    return relations;
}

}  // namespace ppm
