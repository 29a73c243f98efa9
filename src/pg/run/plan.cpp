#include "pg/run/plan.hpp"

#include "pg/bridge/guard.hpp"
#include "pg/catalog/rows.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/records/ledger.hpp"
#include "pg/run/archive.hpp"

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
    const KeyCodec codec = codec_of(managed);
    if (const auto& key = managed.parent.greatest_key) {
        const Window window = window_of(*key, configuration.grid(), configuration.pre_provisioned,
                                        configuration.retention);
        return {window, window, clock.monotonic_now()};
    }
    const auto window = [&](Instant now) {
        return window_at(now, codec, configuration.grid(), configuration.pre_provisioned,
                         configuration.retention);
    };
    return {window(clock.now(*managed.zone)), window(clock.real_now()), clock.monotonic_now()};
}

KeyCodec codec_of(const ManagedParent& managed) {
    return KeyCodec{key_of(managed.parent), *managed.zone};
}

Plan plan_for(const ManagedParent& managed, const Clock& clock, Look look) {
    const KeyCodec codec = codec_of(managed);
    const Lookups lookups{
        .identifier = identifier,
        .relation_exists =
            [&](const std::string& name) {
                return relation_exists(managed.parent.configuration.schema_name, name);
            },
        .is_empty =
            [look](const Partition& partition) {
                return look == Look::into_tables && !may_have_rows(partition.relation);
            },
        .change_of =
            [&](const DetachedPartition& detached) {
                return change_of(managed.parent, detached.partition);
            },
        .key_without_time = [&](const Partition& partition) -> std::optional<Bound> {
            if (look == Look::into_catalog)
                return std::nullopt;
            return key_without_time_at_a_glance(partition.relation,
                                                managed.parent.table->key_column, codec);
        },
        .looks_into_partitions = look == Look::into_tables,
        .archive_problem = [&] { return archive_problem(managed.parent); },
        .is_taken_in_archive =
            [&](const Partition& partition) {
                return is_taken_in(*managed.parent.configuration.archive_schema, partition);
            }};
    return compute_plan(managed.parent, codec, windows_of(managed, clock), lookups);
}

}  // namespace ppm
