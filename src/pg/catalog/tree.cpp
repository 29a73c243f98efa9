#include "pg/catalog/tree.hpp"

namespace ppm {

List* partition_tree(Oid relation, LOCKMODE lock) {
    List* tree = nullptr;
    const char kind = get_rel_relkind(relation);
    if (kind == '\0')
        return tree;
    tree = lappend_oid(tree, relation);
    if (kind != RELKIND_PARTITIONED_TABLE)
        return tree;
    List* const partitions =
        find_inheritance_children_extended(relation, false, lock, nullptr, nullptr);
    for (int i = 0; i < list_length(partitions); ++i)
        tree = list_concat(tree, partition_tree(list_nth_oid(partitions, i), lock));
    list_free(partitions);
    return tree;
}

}  // namespace ppm
