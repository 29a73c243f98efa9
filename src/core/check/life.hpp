// Anomalies in the life cycle of a partition: its archive, its hooks, its template.
#pragma once

#include "core/check/check.hpp"

namespace ppm {

std::vector<Anomaly> check_archive_and_hooks(const Parent& parent, const Plan& plan,
                                             const Inquiries& inquiries);

// `CALL ppm.cleanup('public.orders');`
std::string call_of(const char* procedure, const Configuration& configuration,
                    const Inquiries& inquiries);

// ` The last attempt failed: ....`; empty if none did.
std::string last_failure(const std::string& name, const Inquiries& inquiries);

}  // namespace ppm
