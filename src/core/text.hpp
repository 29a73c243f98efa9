// Pieces of messages.
#pragma once

#include <string>
#include <string_view>

namespace ppm {

// A name as messages show it. Not an SQL identifier: pg/ddl.hpp has those.
inline std::string in_quotes(std::string_view name) {
    return "\"" + std::string{name} + "\"";
}

// As SQL writes it.
inline std::string in_literal(std::string_view text) {
    std::string literal{"'"};
    for (const char c : text)
        literal += c == '\'' ? std::string{"''"} : std::string{c};
    return literal + "'";
}

}  // namespace ppm
