#include "pg/run/check.hpp"

#include "core/check/check.hpp"
#include "pg/catalog/references.hpp"
#include "pg/catalog/rows.hpp"
#include "pg/catalog/unindexed_references.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/ddl/differences.hpp"
#include "pg/records/history.hpp"

namespace ppm {

std::vector<ManagedParent> read_for_check(std::optional<Oid> relation, Look look) {
    return read_rest_for_check(read_with_partitions(relation, look));
}

std::vector<ManagedParent> read_rest_for_check(std::vector<ManagedParent> parents) {
    read_differences(parents);
    read_unindexed_references(parents);
    return parents;
}

namespace {

bool is_referred_to(const Parent& parent) {
    std::vector<Oid> relations{parent.table->relation};
    if (parent.default_partition)
        relations.push_back(parent.default_partition->relation);
    return is_any_referred_to(relations);
}

std::vector<Anomaly> check_partitions(const ManagedParent& managed, const Clock& clock, Look look) {
    const Parent& parent = managed.parent;
    // Read once, and only where something is to be explained.
    std::optional<std::map<std::string, LastFailure>> failures;
    std::optional<bool> referred_to;
    const Inquiries inquiries{
        .identifier = identifier,
        .relation_exists = relation_exists,
        .default_has_rows =
            [&](const std::vector<BoundRange>& ranges) {
                if (look == Look::into_catalog)
                    return std::vector<bool>(ranges.size());
                return which_may_have_rows(
                    parent.default_partition->relation, parent.table->key_column,
                    *parent.table->key_type, ranges,
                    Deadline{std::chrono::milliseconds{statement_timeout()}});
            },
        .is_referred_to =
            [&] {
                if (!referred_to)
                    referred_to = look != Look::into_catalog && is_referred_to(parent);
                return *referred_to;
            },
        .last_failure =
            [&](const std::string& name) {
                if (look == Look::into_catalog)
                    return LastFailure{};
                if (!failures)
                    failures = last_failures(parent.configuration);
                const auto found = failures->find(name);
                return found == failures->end() ? LastFailure{} : found->second;
            }};
    return check(parent, codec_of(managed), windows_of(managed, clock),
                 plan_for(managed, clock, look), inquiries);
}

}  // namespace

std::vector<Anomaly> check(const ManagedParent& managed, const Clock& clock, Look look) {
    std::vector<Anomaly> anomalies = validate(managed.parent);
    if (anomalies.empty())
        anomalies = check_partitions(managed, clock, look);
    if (clock.left_behind())
        anomalies.push_back(*clock.left_behind());
    return anomalies;
}

}  // namespace ppm
