// Pieces of messages.
#pragma once

#include <string>
#include <string_view>

namespace ppm {

// A name as messages show it. Not an SQL identifier: pg/ddl.hpp has those.
inline std::string in_quotes(std::string_view name) {
    return "\"" + std::string{name} + "\"";
}

}  // namespace ppm
