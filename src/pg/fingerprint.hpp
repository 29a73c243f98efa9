// What a detached table and all that belongs to it look like in the catalog, but for its rows: two
// fingerprints differ if anybody has changed anything of it in between.
#pragma once

#include <string>

namespace ppm {

// SQL expressions. Each is about the relation that a row of ppm.detached, under the alias d, names.

// The fingerprint of now.
std::string fingerprint();

// Whether d.version, whichever version of ppm wrote it, is the fingerprint of now.
std::string is_unchanged();

// Whether d.version was written in this cluster: pg_upgrade writes every row of the catalog anew.
std::string is_of_this_cluster();

}  // namespace ppm
