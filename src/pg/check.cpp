#include "pg/check.hpp"

#include "core/check.hpp"
#include "pg/ddl.hpp"
#include "pg/history.hpp"
#include "pg/likeness.hpp"
#include "pg/references.hpp"
#include "pg/rows.hpp"

namespace ppm {

std::vector<ManagedParent> read_for_check(std::optional<Oid> relation) {
    std::vector<ManagedParent> parents = read_with_partitions(relation);
    read_differences(parents);
    read_unindexed_references(parents);
    return parents;
}

std::vector<Anomaly> check(const ManagedParent& managed, const Clock& clock, Look look) {
    const Parent& parent = managed.parent;
    std::vector<Anomaly> anomalies = validate(parent);
    if (!anomalies.empty())
        return anomalies;

    // Read once, and only where something is to be explained.
    std::optional<std::map<std::string, std::string>> failures;
    const Inquiries inquiries{.identifier = identifier,
                              .relation_exists = relation_exists,
                              .default_has_rows =
                                  [&](const std::vector<BoundRange>& ranges) {
                                      if (look == Look::into_catalog)
                                          return std::vector<bool>(ranges.size());
                                      return which_may_have_rows(parent.default_partition->relation,
                                                                 parent.table->key_column,
                                                                 *parent.table->key_type, ranges);
                                  },
                              .last_failure =
                                  [&](const Partition& partition) {
                                      if (look == Look::into_catalog)
                                          return std::string{};
                                      if (!failures)
                                          failures = last_failures(parent.configuration);
                                      const auto found = failures->find(partition.name);
                                      return found == failures->end() ? std::string{}
                                                                      : found->second;
                                  }};
    return check(parent, codec_of(managed), windows_of(managed, clock),
                 plan_for(managed, clock, look), inquiries);
}

}  // namespace ppm
