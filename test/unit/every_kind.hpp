// Every kind of table that properties are tried on: its interval, the type of its key, its zone.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/calendar.hpp"
#include "core/key.hpp"
#include "intervals.hpp"
#include "test_zones.hpp"

namespace ppm {

using Kind = std::tuple<Interval, KeyType>;

// But for dates with a part of a day.
inline std::vector<Kind> kinds() {
    std::vector<Kind> result;
    for (const Interval& interval : all_intervals)
        for (const KeyType key_type :
             {KeyType::date, KeyType::timestamp, KeyType::timestamptz, KeyType::uuid})
            if (key_type != KeyType::date || !has_part_of_day(interval))
                result.emplace_back(interval, key_type);
    return result;
}

inline auto every_kind() {
    return testing::ValuesIn(kinds());
}

inline std::string name_of_kind(const testing::TestParamInfo<Kind>& test) {
    return label_of(std::get<0>(test.param)) + "_" + std::string{name_of(std::get<1>(test.param))};
}

inline const std::pair<const char*, const TimeZone*> all_zones[] = {
    {"UTC", &zones::utc},
    {"Kolkata", &zones::kolkata},
    {"Sao_Paulo", &zones::sao_paulo},
    {"Havana", &zones::havana},
    {"Apia", &zones::apia},
    {"New_York", &zones::new_york},
    {"Lord_Howe", &zones::lord_howe}};

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
