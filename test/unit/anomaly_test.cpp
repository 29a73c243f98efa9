#include "core/anomaly.hpp"

#include <gtest/gtest.h>

namespace ppm {
namespace {

TEST(AnomalyCode, HasAStableNameAndASeverity) {
    const struct {
        AnomalyCode code;
        const char* name;
    } errors[] = {
        {AnomalyCode::table_missing, "table_missing"},
        {AnomalyCode::not_partitioned, "not_partitioned"},
        {AnomalyCode::unsupported_strategy, "unsupported_strategy"},
        {AnomalyCode::unsupported_key, "unsupported_key"},
        {AnomalyCode::unsupported_key_type, "unsupported_key_type"},
        {AnomalyCode::partition_key_mismatch, "partition_key_mismatch"},
        {AnomalyCode::unknown_timezone, "unknown_timezone"},
        {AnomalyCode::name_too_long, "name_too_long"},
        {AnomalyCode::wrong_bounds, "wrong_bounds"},
        {AnomalyCode::name_taken, "name_taken"},
        {AnomalyCode::pending_detach, "pending_detach"},
    };
    for (const auto& [code, name] : errors) {
        EXPECT_EQ(name_of(code), name);
        EXPECT_EQ(severity_of(code), Severity::error) << name;
    }
}

TEST(Severity, HasAName) {
    EXPECT_EQ(name_of(Severity::error), "error");
    EXPECT_EQ(name_of(Severity::warning), "warning");
}

}  // namespace
}  // namespace ppm
