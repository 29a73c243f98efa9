#include "core/check/life.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace ppm {

namespace {

// Whether the same call detaches the partition, so that it has not been moved anywhere yet.
bool is_detached_now(const Partition& partition, const Plan& plan) {
    return std::ranges::any_of(plan.cleanup, [&](const Action& action) {
        const Partition* const existing = existing_partition(action);
        return changes_partitions(action) && existing != nullptr &&
               existing->relation == partition.relation;
    });
}

std::vector<Anomaly> check_archive(const Parent& parent, const Plan& plan,
                                   const Inquiries& inquiries) {
    std::vector<Anomaly> anomalies = plan.not_archived;
    for (const Action& action : plan.cleanup) {
        const auto* const archive = std::get_if<ArchiveTable>(&action);
        if (archive == nullptr || is_detached_now(archive->partition, plan))
            continue;
        anomalies.push_back({AnomalyCode::pending_archive, archive->partition.name,
                             "Table " + in_quotes(archive->partition.qualified_name()) +
                                 " was detached, and has not been moved to schema " +
                                 in_quotes(archive->schema_name) + " yet." +
                                 last_failure(archive->partition.name, inquiries),
                             call_of("cleanup", parent.configuration, inquiries)});
    }
    return anomalies;
}

Anomaly hook_mismatch(const Parent& parent, const Hook& hook) {
    return {AnomalyCode::hook_mismatch,
            {},
            "Function " + hook.function + ", the " + std::string{name_of(hook.event)} +
                " hook of table " + in_quotes(parent.configuration.qualified_name()) + ", " +
                hook.problem + ".",
            "Fix the function, or delete its row from ppm.hooks."};
}

Anomaly pending_hook(const Parent& parent, const PendingHook& hook, const Inquiries& inquiries) {
    const bool is_created = hook.event == HookEvent::after_create;
    return {AnomalyCode::pending_hook, hook.partition.name,
            "Function " + hook.function + " has not been called yet after " +
                (is_created ? "the creation of partition " : "the detach of table ") +
                in_quotes(hook.partition.qualified_name()) + "." +
                last_failure(hook.partition.name, inquiries),
            call_of(is_created ? "provision" : "cleanup", parent.configuration, inquiries)};
}

}  // namespace

std::vector<Anomaly> check_archive_and_hooks(const Parent& parent, const Plan& plan,
                                             const Inquiries& inquiries) {
    std::vector<Anomaly> anomalies = check_archive(parent, plan, inquiries);
    if (!parent.template_problem.empty())
        anomalies.push_back(template_mismatch(parent));
    for (const Hook& hook : parent.hooks)
        if (!hook.problem.empty())
            anomalies.push_back(hook_mismatch(parent, hook));
    for (const PendingHook& hook : parent.pending_hooks)
        anomalies.push_back(pending_hook(parent, hook, inquiries));
    return anomalies;
}

std::string call_of(const char* procedure, const Configuration& configuration,
                    const Inquiries& inquiries) {
    return "CALL ppm." + std::string{procedure} + "(" +
           in_single_quotes(inquiries.identifier(configuration.schema_name) + "." +
                            inquiries.identifier(configuration.table_name)) +
           ");";
}

std::string last_failure(const std::string& name, const Inquiries& inquiries) {
    const LastFailure failure = inquiries.last_failure(name);
    return failure.message.empty() ? "" : " The last attempt failed: " + failure.message + ".";
}

}  // namespace ppm
