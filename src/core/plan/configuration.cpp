#include "core/plan/configuration.hpp"

namespace ppm {

std::string interval_name(const Configuration& configuration) {
    const auto* const unread = std::get_if<UnreadInterval>(&configuration.interval);
    return unread == nullptr ? name_of(configuration.grid()) : unread->interval;
}

std::string interval_text(const Configuration& configuration) {
    const auto* const unread = std::get_if<UnreadInterval>(&configuration.interval);
    const auto origin = unread == nullptr ? origin_of(configuration.grid()) : unread->origin;
    return interval_name(configuration) + (origin ? " from " + *origin : "");
}

}  // namespace ppm
