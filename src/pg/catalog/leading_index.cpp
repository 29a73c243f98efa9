#include "pg/catalog/leading_index.hpp"

namespace ppm {

namespace {

bool leads_with(Relation index, AttrNumber attribute) {
    const Form_pg_index form = index->rd_index;
    return index->rd_rel->relam == BTREE_AM_OID && form->indisvalid && form->indisready &&
           !form->indcheckxmin && form->indkey.values[0] == attribute &&
           heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr) &&
           index->rd_opfamily[0] ==
               get_opclass_family(GetDefaultOpClass(index->rd_opcintype[0], BTREE_AM_OID));
}

}  // namespace

Relation open_leading_index(Relation table, AttrNumber attribute) {
    List* const indexes = RelationGetIndexList(table);
    for (int i = 0; i < list_length(indexes); ++i) {
        const Oid each = list_nth_oid(indexes, i);
        if (!ConditionalLockRelationOid(each, AccessShareLock))
            continue;
        const Relation index = index_open(each, NoLock);
        if (leads_with(index, attribute))
            return index;
        index_close(index, AccessShareLock);
    }
    return nullptr;
}

}  // namespace ppm
