// Every kind of table that properties are tried on: its interval, the type of its key, its zone.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>

#include "core/calendar.hpp"
#include "core/key.hpp"
#include "test_zones.hpp"

namespace ppm {

using Kind = std::tuple<Interval, KeyType>;

inline auto every_kind() {
    return testing::Combine(
        testing::Values(Interval::daily, Interval::weekly, Interval::monthly, Interval::quarterly,
                        Interval::yearly),
        testing::Values(KeyType::date, KeyType::timestamp, KeyType::timestamptz, KeyType::uuid));
}

inline std::string name_of_kind(const testing::TestParamInfo<Kind>& test) {
    return std::string{name_of(std::get<0>(test.param))} + "_" +
           std::string{name_of(std::get<1>(test.param))};
}

inline const std::pair<const char*, const TimeZone*> all_zones[] = {
    {"UTC", &zones::utc},
    {"Kolkata", &zones::kolkata},
    {"Sao_Paulo", &zones::sao_paulo},
    {"Havana", &zones::havana},
    {"Apia", &zones::apia}};

// Calls try_case(zone, seed) for each zone and so many seeds, until one fails.
template <typename TryCase>
void for_each_seed(unsigned cases_per_zone, TryCase try_case) {
    for (const auto& [zone_name, zone] : all_zones)
        for (unsigned seed = 1; seed <= cases_per_zone; ++seed) {
            SCOPED_TRACE(std::string{zone_name} + ", seed " + std::to_string(seed));
            try_case(*zone, seed);
            if (testing::Test::HasFailure())
                return;
        }
}

}  // namespace ppm
