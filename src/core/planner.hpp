// The one diff between what a parent should have and what it has. Provision executes its result,
// plan and check print it.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "core/anomaly.hpp"
#include "core/bound.hpp"
#include "core/calendar.hpp"
#include "core/configuration.hpp"
#include "core/key.hpp"
#include "core/window.hpp"

namespace ppm {

// A partition of the window that is missing: a whole slot, or the part of one that nothing covers.
struct CreatePartition {
    std::string name;
    BoundRange bounds;
    LocalTime lower;  // the bounds as civil time
    LocalTime upper;
};

using Action = std::variant<CreatePartition>;

// Something missing that cannot be created as things are, and what stands in its way.
struct Obstacle {
    CreatePartition wanted;
    Anomaly reason;
};

struct Plan {
    std::vector<Action> actions;  // in the order of execution
    std::vector<Obstacle> obstacles;
};

// Whether a relation of that name exists in the parent's schema. May throw what its own source
// throws.
using RelationExists = std::function<bool(const std::string& name)>;

// `parent` is valid (see validate()) and `codec` is that of its key.
Plan plan_for(const Parent& parent, const KeyCodec& codec, const Window& window,
              const RelationExists& relation_exists);

}  // namespace ppm
