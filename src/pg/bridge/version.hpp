// The library and the extension's objects in a database have separate versions. `make install`
// replaces the library, for later sessions; ALTER EXTENSION ppm UPDATE, maybe much later, the
// objects. A library serves the objects of all versions up to its own.
#pragma once

#include "pg/bridge/guard.hpp"

namespace ppm {

// Throws 55000 if the extension in this database is newer than this library.
void require_version();

// Differs between versions of the library. Processes that share memory must have the same.
uint64 library_fingerprint();

// The boundary of a routine that works with the extension's objects.
template <Skippable Function>
auto entry(Function function) -> std::invoke_result_t<Function&> {
    return boundary([&function] {
        require_version();
        return function();
    });
}

}  // namespace ppm
