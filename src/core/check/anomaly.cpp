#include "core/check/anomaly.hpp"

#include <array>

namespace ppm {

namespace {

struct Kind {
    AnomalyCode code;
    std::string_view name;
    Severity severity;
};

// In the order of the enumeration.
constexpr std::array kinds{
    Kind{AnomalyCode::table_missing, "table_missing", Severity::error},
    Kind{AnomalyCode::table_replaced, "table_replaced", Severity::error},
    Kind{AnomalyCode::not_partitioned, "not_partitioned", Severity::error},
    Kind{AnomalyCode::temporary_table, "temporary_table", Severity::error},
    Kind{AnomalyCode::unsupported_table, "unsupported_table", Severity::error},
    Kind{AnomalyCode::unsupported_strategy, "unsupported_strategy", Severity::error},
    Kind{AnomalyCode::unsupported_key, "unsupported_key", Severity::error},
    Kind{AnomalyCode::unsupported_key_type, "unsupported_key_type", Severity::error},
    Kind{AnomalyCode::partition_key_mismatch, "partition_key_mismatch", Severity::error},
    Kind{AnomalyCode::interval_mismatch, "interval_mismatch", Severity::error},
    Kind{AnomalyCode::encoding_mismatch, "encoding_mismatch", Severity::error},
    Kind{AnomalyCode::unknown_timezone, "unknown_timezone", Severity::error},
    Kind{AnomalyCode::encoding_suspect, "encoding_suspect", Severity::error},
    Kind{AnomalyCode::key_jump, "key_jump", Severity::error},
    Kind{AnomalyCode::key_unknown, "key_unknown", Severity::error},
    Kind{AnomalyCode::name_too_long, "name_too_long", Severity::error},
    Kind{AnomalyCode::missing_partition, "missing_partition", Severity::error},
    Kind{AnomalyCode::wrong_bounds, "wrong_bounds", Severity::error},
    Kind{AnomalyCode::outdated_partition, "outdated_partition", Severity::error},
    Kind{AnomalyCode::surplus_partition, "surplus_partition", Severity::error},
    Kind{AnomalyCode::name_taken, "name_taken", Severity::warning},
    Kind{AnomalyCode::default_has_rows, "default_has_rows", Severity::error},
    Kind{AnomalyCode::pending_detach, "pending_detach", Severity::error},
    Kind{AnomalyCode::pending_drop, "pending_drop", Severity::error},
    Kind{AnomalyCode::detached_changed, "detached_changed", Severity::error},
    Kind{AnomalyCode::archive_mismatch, "archive_mismatch", Severity::error},
    Kind{AnomalyCode::hook_mismatch, "hook_mismatch", Severity::error},
    Kind{AnomalyCode::template_mismatch, "template_mismatch", Severity::error},
    Kind{AnomalyCode::clock_jump, "clock_jump", Severity::error},
    Kind{AnomalyCode::gap, "gap", Severity::warning},
    Kind{AnomalyCode::pending_hook, "pending_hook", Severity::warning},
    Kind{AnomalyCode::pending_archive, "pending_archive", Severity::warning},
    Kind{AnomalyCode::off_grid, "off_grid", Severity::warning},
    Kind{AnomalyCode::misnamed, "misnamed", Severity::warning},
    Kind{AnomalyCode::missing_index, "missing_index", Severity::error},
    Kind{AnomalyCode::owner_differs, "owner_differs", Severity::warning},
    Kind{AnomalyCode::replica_identity_differs, "replica_identity_differs", Severity::warning},
    Kind{AnomalyCode::tablespace_differs, "tablespace_differs", Severity::warning},
    Kind{AnomalyCode::unindexed_reference, "unindexed_reference", Severity::warning},
    Kind{AnomalyCode::row_security_differs, "row_security_differs", Severity::warning},
    Kind{AnomalyCode::persistence_differs, "persistence_differs", Severity::warning},
    Kind{AnomalyCode::invalid_index, "invalid_index", Severity::error},
    Kind{AnomalyCode::storage_options_differ, "storage_options_differ", Severity::warning},
    Kind{AnomalyCode::triggers_differ, "triggers_differ", Severity::warning},
    Kind{AnomalyCode::template_differs, "template_differs", Severity::warning},
    Kind{AnomalyCode::work_date_set, "work_date_set", Severity::warning},
};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kinds.size(); ++i)
        if (kinds[i].code != static_cast<AnomalyCode>(i))
            return false;
    return true;
}
static_assert(in_order());

const Kind& kind_of(AnomalyCode code) {
    return kinds[static_cast<std::size_t>(code)];
}

}  // namespace

std::string_view name_of(AnomalyCode code) {
    return kind_of(code).name;
}

Severity severity_of(AnomalyCode code) {
    return kind_of(code).severity;
}

Severity severity_of(const Anomaly& anomaly) {
    return anomaly.is_mild ? Severity::warning : severity_of(anomaly.code);
}

std::string_view name_of(Severity severity) {
    return severity == Severity::error ? "error" : "warning";
}

}  // namespace ppm
