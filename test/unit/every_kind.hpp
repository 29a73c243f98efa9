// Every kind of table that properties are tried on: its interval, the type of its key, its zone.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/grid/calendar.hpp"
#include "core/key/key.hpp"
#include "intervals.hpp"
#include "test_zones.hpp"

namespace ppm {

using Kind = std::tuple<Grid, Key>;

inline void add_keys_that_count(std::vector<Kind>& kinds) {
    constexpr std::int64_t wide = 9000000000000000000;
    const std::pair<KeyType, std::vector<Numbers>> grids[] = {
        {KeyType::smallint, {{7}, {1000, 5}, {65536}}},
        {KeyType::integer, {{10, -3}, {1000000}, {3000000000, 1}}},
        {KeyType::bigint, {{10}, {1000000, 123456789}, {wide}, {wide, -wide}}}};
    for (const auto& [type, numbers] : grids)
        for (const Numbers& each : numbers)
            kinds.emplace_back(each, type);
}

inline void add_keys_with_encodings(std::vector<Kind>& kinds) {
    const Key keys[] = {{KeyType::integer, KeyEncoding::seconds},
                        {KeyType::bigint, KeyEncoding::milliseconds},
                        {KeyType::bigint, KeyEncoding::microseconds},
                        {KeyType::bigint, KeyEncoding::nanoseconds},
                        {KeyType::bigint, KeyEncoding::snowflake},
                        {KeyType::text, KeyEncoding::ulid},
                        {KeyType::uuid, KeyEncoding::ulid}};
    static_assert(std::size(keys) == key_encoding_names.size() + 1, "ULIDs are there twice");
    for (const Key& key : keys)
        for (const Interval& interval :
             {minutes(50), Interval::hourly, Interval::daily, Interval::weekly, Interval::yearly})
            kinds.emplace_back(interval, key);
}

// Each interval with each type of time. A date has no intervals of less than a day.
inline std::vector<Kind> kinds_by_type() {
    std::vector<Kind> result;
    for (const Interval& interval : all_intervals)
        for (const KeyType key_type :
             {KeyType::date, KeyType::timestamp, KeyType::timestamptz, KeyType::uuid})
            if (key_type != KeyType::date || !has_part_of_day(interval))
                result.emplace_back(interval, key_type);
    return result;
}

// Keys whose type tells time.
inline auto every_kind_by_type() {
    return testing::ValuesIn(kinds_by_type());
}

// All of these, and keys with an encoding.
inline std::vector<Kind> kinds_of_time() {
    std::vector<Kind> result = kinds_by_type();
    add_keys_with_encodings(result);
    return result;
}

inline auto every_kind_of_time() {
    return testing::ValuesIn(kinds_of_time());
}

// All of these, and keys that count.
inline auto every_kind() {
    std::vector<Kind> result = kinds_of_time();
    add_keys_that_count(result);
    return testing::ValuesIn(result);
}

inline std::string label_of(const Grid& grid) {
    if (const auto* const interval = std::get_if<Interval>(&grid))
        return label_of(*interval);
    const auto [width, origin] = std::get<Numbers>(grid);
    std::string label = std::to_string(width);
    if (origin != 0)
        label += "_from_" + std::string{origin < 0 ? "m" : ""} + std::to_string(std::abs(origin));
    return label;
}

inline std::string name_of_kind(const testing::TestParamInfo<Kind>& test) {
    const auto& [grid, key] = test.param;
    return label_of(grid) + "_" + std::string{name_of(key.type)} +
           (key.encoding ? "_" + std::string{name_of(*key.encoding)} : "");
}

inline const std::pair<const char*, const TimeZone*> all_zones[] = {
    {"UTC", &zones::utc},
    {"Kolkata", &zones::kolkata},
    {"Sao_Paulo", &zones::sao_paulo},
    {"Havana", &zones::havana},
    {"Apia", &zones::apia},
    {"New_York", &zones::new_york},
    {"Lord_Howe", &zones::lord_howe}};

// Under the sanitizers a case takes ten times as long, and is there for the code, not for the odds.
#ifdef PPM_SANITIZED
inline constexpr unsigned share_of_cases = 4;
#else
inline constexpr unsigned share_of_cases = 1;
#endif

// Calls try_case(zone, seed) for each zone and so many seeds, until one fails.
template <typename TryCase>
void for_each_seed(unsigned cases_per_zone, TryCase try_case) {
    for (const auto& [zone_name, zone] : all_zones)
        for (unsigned seed = 1; seed <= std::max(cases_per_zone / share_of_cases, 1U); ++seed) {
            SCOPED_TRACE(std::string{zone_name} + ", seed " + std::to_string(seed));
            try_case(*zone, seed);
            if (testing::Test::HasFailure())
                return;
        }
}

}  // namespace ppm
