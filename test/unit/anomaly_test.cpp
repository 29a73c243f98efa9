#include "core/check/anomaly.hpp"

#include <gtest/gtest.h>

#include <span>

namespace ppm {
namespace {

struct Code {
    AnomalyCode code;
    const char* name;
};

constexpr Code errors[] = {
    {AnomalyCode::table_missing, "table_missing"},
    {AnomalyCode::not_partitioned, "not_partitioned"},
    {AnomalyCode::temporary_table, "temporary_table"},
    {AnomalyCode::unsupported_table, "unsupported_table"},
    {AnomalyCode::unsupported_strategy, "unsupported_strategy"},
    {AnomalyCode::unsupported_key, "unsupported_key"},
    {AnomalyCode::unsupported_key_type, "unsupported_key_type"},
    {AnomalyCode::partition_key_mismatch, "partition_key_mismatch"},
    {AnomalyCode::interval_mismatch, "interval_mismatch"},
    {AnomalyCode::encoding_mismatch, "encoding_mismatch"},
    {AnomalyCode::key_jump, "key_jump"},
    {AnomalyCode::key_unknown, "key_unknown"},
    {AnomalyCode::unknown_timezone, "unknown_timezone"},
    {AnomalyCode::encoding_suspect, "encoding_suspect"},
    {AnomalyCode::name_too_long, "name_too_long"},
    {AnomalyCode::missing_partition, "missing_partition"},
    {AnomalyCode::wrong_bounds, "wrong_bounds"},
    {AnomalyCode::outdated_partition, "outdated_partition"},
    {AnomalyCode::surplus_partition, "surplus_partition"},
    {AnomalyCode::default_has_rows, "default_has_rows"},
    {AnomalyCode::pending_detach, "pending_detach"},
    {AnomalyCode::pending_drop, "pending_drop"},
    {AnomalyCode::detached_changed, "detached_changed"},
    {AnomalyCode::archive_mismatch, "archive_mismatch"},
    {AnomalyCode::hook_mismatch, "hook_mismatch"},
    {AnomalyCode::template_mismatch, "template_mismatch"},
    {AnomalyCode::missing_index, "missing_index"},
    {AnomalyCode::invalid_index, "invalid_index"},
};

constexpr Code warnings[] = {
    {AnomalyCode::gap, "gap"},
    {AnomalyCode::pending_hook, "pending_hook"},
    {AnomalyCode::pending_archive, "pending_archive"},
    {AnomalyCode::off_grid, "off_grid"},
    {AnomalyCode::misnamed, "misnamed"},
    {AnomalyCode::name_taken, "name_taken"},
    {AnomalyCode::row_security_differs, "row_security_differs"},
    {AnomalyCode::persistence_differs, "persistence_differs"},
    {AnomalyCode::storage_options_differ, "storage_options_differ"},
    {AnomalyCode::triggers_differ, "triggers_differ"},
    {AnomalyCode::template_differs, "template_differs"},
    {AnomalyCode::work_date_set, "work_date_set"},
};

void expect_names(std::span<const Code> codes, Severity severity) {
    for (const auto& [code, name] : codes) {
        EXPECT_EQ(name_of(code), name);
        EXPECT_EQ(severity_of(code), severity) << name;
    }
}

TEST(AnomalyCode, HasAStableNameAndASeverity) {
    expect_names(errors, Severity::error);
    expect_names(warnings, Severity::warning);
}

TEST(Anomaly, MayBeMild) {
    EXPECT_EQ(severity_of(Anomaly{AnomalyCode::wrong_bounds, {}, {}, {}}), Severity::error);
    EXPECT_EQ(severity_of(Anomaly{AnomalyCode::wrong_bounds, {}, {}, {}, true}), Severity::warning);
}

TEST(Severity, HasAName) {
    EXPECT_EQ(name_of(Severity::error), "error");
    EXPECT_EQ(name_of(Severity::warning), "warning");
}

}  // namespace
}  // namespace ppm
