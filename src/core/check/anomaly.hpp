// A disagreement between configuration and catalog, as ppm.validate() and ppm.check() report it.
#pragma once

#include <string>
#include <string_view>

namespace ppm {

enum class Severity { error, warning };

// Their names are the `code` of a row, and stable.
enum class AnomalyCode {
    table_missing,
    table_replaced,
    not_partitioned,
    temporary_table,
    unsupported_table,
    unsupported_strategy,
    unsupported_key,
    unsupported_key_type,
    partition_key_mismatch,
    interval_mismatch,
    encoding_mismatch,
    unknown_timezone,
    encoding_suspect,
    key_jump,
    key_unknown,
    name_too_long,
    missing_partition,
    wrong_bounds,
    outdated_partition,
    surplus_partition,
    name_taken,
    default_has_rows,
    pending_detach,
    pending_drop,
    detached_changed,
    archive_mismatch,
    hook_mismatch,
    template_mismatch,
    clock_jump,
    gap,
    pending_hook,
    pending_archive,
    off_grid,
    misnamed,
    missing_index,
    owner_differs,
    replica_identity_differs,
    tablespace_differs,
    unindexed_reference,
    row_security_differs,
    persistence_differs,
    invalid_index,
    storage_options_differ,
    triggers_differ,
    template_differs,
    work_date_set,
};

std::string_view name_of(AnomalyCode code);
Severity severity_of(AnomalyCode code);  // of most of its anomalies
std::string_view name_of(Severity severity);

struct Anomaly {
    AnomalyCode code;
    std::string partition;  // empty where it is about the parent
    std::string detail;     // a sentence: what is wrong, with the names and values
    std::string hint;       // what mends it: SQL, or a sentence
    bool is_mild = false;   // a warning, although its code stands for errors
};

Severity severity_of(const Anomaly& anomaly);

}  // namespace ppm
