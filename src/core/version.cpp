#include "core/version.hpp"

#include <charconv>

namespace ppm {

namespace {

// Takes the first number off the version; 0 if there is none.
unsigned take_number(std::string_view& version) {
    unsigned number = 0;
    const auto [end, error] =
        std::from_chars(version.data(), version.data() + version.size(), number);
    if (error != std::errc{} || end == version.data() + version.size() || *end != '.')
        version = {};
    else
        version.remove_prefix(static_cast<std::size_t>(end - version.data()) + 1);
    return number;
}

}  // namespace

bool is_newer(std::string_view version, std::string_view than) {
    while (!version.empty() || !than.empty()) {
        const unsigned left = take_number(version);
        const unsigned right = take_number(than);
        if (left != right)
            return left > right;
    }
    return false;
}

}  // namespace ppm
