#include "pg/bridge/role_settings.hpp"

#include "pg/catalog/scan.hpp"

namespace ppm {

namespace {

// That of a list of `name=value`; null if it is not there. May ereport.
const char* value_in(Datum list, std::string_view name) {
    Datum* settings = nullptr;
    int count = 0;
    deconstruct_array(DatumGetArrayTypeP(list), TEXTOID, -1, false, TYPALIGN_INT, &settings,
                      nullptr, &count);
    for (int i = 0; i < count; ++i) {
        const std::string_view setting = TextDatumGetCString(settings[i]);
        if (setting.starts_with(name) && setting.substr(name.size()).starts_with('='))
            return setting.data() + name.size() + 1;
    }
    return nullptr;
}

}  // namespace

List* role_settings_named(const char* name) {
    List* found = NIL;
    const Relation table = table_open(DbRoleSettingRelationId, AccessShareLock);
    any_row(table, [&](TupleTableSlot* slot) {
        bool is_null = false;
        const Datum list = slot_getattr(slot, Anum_pg_db_role_setting_setconfig, &is_null);
        const char* const value = is_null ? nullptr : value_in(list, name);
        if (value == nullptr)
            return false;
        auto* const setting = static_cast<RoleSetting*>(palloc(sizeof(RoleSetting)));
        *setting = {
            DatumGetObjectId(slot_getattr(slot, Anum_pg_db_role_setting_setdatabase, &is_null)),
            DatumGetObjectId(slot_getattr(slot, Anum_pg_db_role_setting_setrole, &is_null)), value};
        found = lappend(found, setting);
        return false;
    });
    table_close(table, AccessShareLock);
    return found;
}

}  // namespace ppm
