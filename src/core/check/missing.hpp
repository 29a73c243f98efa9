// The missing partitions of the window.
#pragma once

#include <vector>

#include "core/check/check.hpp"

namespace ppm {

// Each slot of the window that no partition covers, in order, with its obstacle unless that is
// among `known`; then the rows in the default partition that keep partitions out.
std::vector<Anomaly> missing_partitions(const Parent& parent, const KeyCodec& codec,
                                        const Plan& plan, const Inquiries& inquiries,
                                        const std::vector<Anomaly>& known);

}  // namespace ppm
