#include "pg/catalog/shown_bounds.hpp"

#include "pg/catalog/partition_bound.hpp"
#include "pg/run/plan.hpp"

namespace ppm {

ShownBounds shown_bounds(const ManagedParent& managed, const BoundRange& bounds) {
    const KeyCodec codec = codec_of(managed);
    const auto text = [&](Bound bound) { return bound_text(bound, codec.type(), *managed.zone); };
    return {codec.counts()
                ? std::nullopt
                : std::optional{Slot{codec.decode(bounds.lower), codec.decode(bounds.upper)}},
            text(bounds.lower), text(bounds.upper)};
}

}  // namespace ppm
