#include "core/plan/parent.hpp"

namespace ppm {

std::string predicate_of(const Difference& difference) {
    const auto& [code, actual, expected, is_mild] = difference;
    const std::string as_its_parent = actual + ", not " + expected + " as its parent";
    switch (code) {
        case AnomalyCode::missing_index:
            return " has no index like " + expected + " of its parent";
        case AnomalyCode::tablespace_differs:
            return " is in tablespace " + as_its_parent;
        case AnomalyCode::replica_identity_differs:
            return " has replica identity " + as_its_parent;
        default:
            return " " + actual;
    }
}

}  // namespace ppm
