// Versions of ppm: numbers with points between them.
#pragma once

#include <string_view>

namespace ppm {

// Whether a version comes after another: number by number, so that 1.10 comes after 1.9. What is
// not there counts as 0; what is no number ends the version.
bool is_newer(std::string_view version, std::string_view than);

}  // namespace ppm
