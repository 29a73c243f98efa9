#include "core/plan/capabilities.hpp"

namespace ppm {

Capabilities capabilities_of(const Parent& parent) {
    const bool is_distributed = parent.table && parent.table->is_distributed;
    return {.detaches_concurrently = !is_distributed && !parent.default_partition,
            .tells_row_age = !is_distributed,
            .rolls_detach_back = is_distributed,
            .copies_indexes = !is_distributed};
}

}  // namespace ppm
