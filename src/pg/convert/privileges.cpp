#include "pg/catalog/rights.hpp"
#include "pg/convert/properties.hpp"

namespace ppm {

namespace {

// Sets the privileges of a relation (column 0) or of a column to `list`, which is in PostgreSQL's
// own memory. May ereport.
void set_privileges(Oid relation, AttrNumber column, Acl* list, Oid owner) {
    const Oid catalog = column == 0 ? RelationRelationId : AttributeRelationId;
    const int field = column == 0 ? Anum_pg_class_relacl : Anum_pg_attribute_attacl;
    const Relation table = table_open(catalog, RowExclusiveLock);
    const HeapTuple before = column == 0 ? SearchSysCacheCopy1(RELOID, ObjectIdGetDatum(relation))
                                         : SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(relation),
                                                               Int16GetDatum(column));
    if (!HeapTupleIsValid(before))
        elog(ERROR, "cache lookup failed for relation %u", relation);

    bool had_none = false;
    const Datum had = heap_getattr(before, field, RelationGetDescr(table), &had_none);
    Oid* old_members = nullptr;
    const int old_count = had_none ? 0 : aclmembers(DatumGetAclPCopy(had), &old_members);
    Oid* new_members = nullptr;
    const int new_count = list == nullptr ? 0 : aclmembers(list, &new_members);

    const int fields = RelationGetNumberOfAttributes(table);
    auto* const values = static_cast<Datum*>(palloc0(sizeof(Datum) * fields));
    auto* const nulls = static_cast<bool*>(palloc0(sizeof(bool) * fields));
    auto* const replaced = static_cast<bool*>(palloc0(sizeof(bool) * fields));
    replaced[field - 1] = true;
    nulls[field - 1] = list == nullptr;
    values[field - 1] = PointerGetDatum(list);
    const HeapTuple after =
        heap_modify_tuple(before, RelationGetDescr(table), values, nulls, replaced);
    CatalogTupleUpdate(table, &after->t_self, after);
    updateAclDependencies(RelationRelationId, relation, column, owner, old_count, old_members,
                          new_count, new_members);
    table_close(table, RowExclusiveLock);
    CommandCounterIncrement();
}

// May ereport.
void set_privileges(Oid relation, AttrNumber column, const AclItem* items, std::size_t count,
                    bool is_set) {
    Acl* list = nullptr;
    if (is_set) {
        list = static_cast<Acl*>(palloc0(ACL_N_SIZE(count)));
        SET_VARSIZE(list, ACL_N_SIZE(count));
        list->ndim = 1;
        list->dataoffset = 0;
        list->elemtype = ACLITEMOID;
        ARR_LBOUND(list)[0] = 1;
        ARR_DIMS(list)[0] = static_cast<int>(count);
        std::copy_n(items, count, ACL_DAT(list));
    }
    set_privileges(relation, column, list, owner_of(relation));
}

void set_privileges(Oid relation, AttrNumber column, const Privileges& privileges) {
    const AclItem* const items = privileges ? privileges->data() : nullptr;
    const std::size_t count = privileges ? privileges->size() : 0;
    const bool is_set = privileges.has_value();
    call([=] { set_privileges(relation, column, items, count, is_set); });
}

}  // namespace

Privileges privileges_in(std::optional<Datum> acl) {
    if (!acl)
        return std::nullopt;
    const Acl* const list = call([&] { return DatumGetAclPCopy(*acl); });
    return std::vector<AclItem>{ACL_DAT(list), ACL_DAT(list) + ACL_NUM(list)};
}

void copy_privileges(Oid from, Oid to) {
    const Rows table = query("SELECT relacl FROM pg_class WHERE oid = $1", {oid_parameter(from)});
    set_privileges(to, 0, privileges_in(table.value<std::optional<Datum>>()));
    const Rows columns = query(
        "SELECT b.attnum, a.attacl FROM pg_attribute a JOIN pg_attribute b "
        "ON b.attrelid = $2 AND b.attname = a.attname "
        "WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped AND b.attnum > 0 "
        "AND (a.attacl IS NOT NULL OR b.attacl IS NOT NULL)",
        {oid_parameter(from), oid_parameter(to)});
    for (const auto& [column, acl] : columns.as<std::int16_t, std::optional<Datum>>())
        set_privileges(to, column, privileges_in(acl));
}

void restore_identity_privileges(Oid relation, const Properties& properties) {
    const Rows identities = query(
        "SELECT a.attname, d.objid FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND "
        "s.relkind = 'S' "
        "JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid "
        "WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass "
        "AND d.refobjid = $1 AND d.deptype = 'i'",
        {oid_parameter(relation)});
    for (const auto& [column, sequence] : identities.as<std::string, Oid>())
        if (const auto found = properties.identity_privileges.find(column);
            found != properties.identity_privileges.end())
            set_privileges(sequence, 0, found->second);
}

}  // namespace ppm
