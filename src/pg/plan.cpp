#include "pg/plan.hpp"

#include "pg/guard.hpp"
#include "pg/rows.hpp"

namespace ppm {

bool relation_exists(const std::string& schema_name, const std::string& name) {
    return call([&] {
        const Oid schema = get_namespace_oid(schema_name.c_str(), true);
        // A table's row type bears its name, too.
        return OidIsValid(get_relname_relid(name.c_str(), schema)) ||
               SearchSysCacheExists2(TYPENAMENSP, CStringGetDatum(name.c_str()),
                                     ObjectIdGetDatum(schema));
    });
}

Windows windows_of(const ManagedParent& managed, const Clock& clock) {
    const Configuration& configuration = managed.parent.configuration;
    const auto window = [&](Date today) {
        return window_at(today, configuration.interval, configuration.pre_provisioned,
                         configuration.retention);
    };
    return {window(clock.today(*managed.zone)), window(clock.real_today(*managed.zone)),
            clock.real_now(*managed.zone)};
}

KeyCodec codec_of(const ManagedParent& managed) {
    return KeyCodec{*managed.parent.table->key_type, *managed.zone};
}

Plan plan_for(const ManagedParent& managed, const Clock& clock, Look look) {
    const Lookups lookups{
        .relation_exists =
            [&](const std::string& name) {
                return relation_exists(managed.parent.configuration.schema_name, name);
            },
        .is_empty =
            [look](const Partition& partition) {
                return look == Look::into_tables && !may_have_rows(partition.relation);
            },
        .looks_into_partitions = look == Look::into_tables};
    return plan_for(managed.parent, codec_of(managed), windows_of(managed, clock), lookups);
}

}  // namespace ppm
