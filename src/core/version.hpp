// Versions of ppm: numbers with points between them.
#pragma once

#include <string_view>

namespace ppm {

// Whether a version comes after another: number by number, so that 1.10 comes after 1.9. A missing
// number counts as 0; anything but a number ends the version.
bool is_newer(std::string_view version, std::string_view than);

}  // namespace ppm
