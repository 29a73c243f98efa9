// Checks of the table in memory: what the database would answer, and the anomalies as lines to
// compare.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "core/check/check.hpp"
#include "orders.hpp"

namespace ppm {

// What only a look at the database can tell.
struct Answers {
    std::vector<Bound> default_rows;              // the keys of the default partition's rows
    std::map<std::string, LastFailure> failures;  // of the last attempts, by the partition's name
    bool is_referred_to = false;                  // by foreign keys
    mutable std::vector<std::vector<BoundRange>> asked_of_default;  // by all checks
};

// As PostgreSQL writes it.
inline std::string sql_identifier(const std::string& name) {
    if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == std::string::npos)
        return name;
    std::string quoted = "\"";
    for (const char c : name)
        quoted += c == '"' ? std::string{"\"\""} : std::string{c};
    return quoted + "\"";
}

inline std::vector<Anomaly> check(const Orders& orders, const Windows& windows,
                                  const Answers& answers = {}) {
    const auto default_has_rows_of = [&](const BoundRange& range) {
        return std::any_of(answers.default_rows.begin(), answers.default_rows.end(),
                           [&](Bound key) { return range.lower <= key && key < range.upper; });
    };
    return check(orders.parent, orders.codec, windows, orders.plan(windows),
                 {.identifier = sql_identifier,
                  .relation_exists =
                      [&](const std::string& schema_name, const std::string& name) {
                          return schema_name == "public" && orders.relation_exists(name);
                      },
                  .default_has_rows =
                      [&](const std::vector<BoundRange>& ranges) {
                          answers.asked_of_default.push_back(ranges);
                          std::vector<bool> found;
                          for (const BoundRange& range : ranges)
                              found.push_back(default_has_rows_of(range));
                          return found;
                      },
                  .is_referred_to = [&] { return answers.is_referred_to; },
                  .last_failure =
                      [&](const std::string& name) {
                          const auto failure = answers.failures.find(name);
                          return failure == answers.failures.end() ? LastFailure{}
                                                                   : failure->second;
                      }});
}

// `gap`, or `outdated_partition orders_2026_09`
inline std::string line_of(const Anomaly& anomaly) {
    const std::string code{name_of(anomaly.code)};
    return anomaly.partition.empty() ? code : code + " " + anomaly.partition;
}

inline Lines lines_of(const std::vector<Anomaly>& anomalies) {
    Lines lines;
    for (const Anomaly& anomaly : anomalies)
        lines.push_back(line_of(anomaly));
    return lines;
}

}  // namespace ppm
