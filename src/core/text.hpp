// Pieces of messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ppm {

// A name as messages show it. Not an SQL identifier: pg/ddl/ddl.hpp has those.
inline std::string in_quotes(std::string_view name) {
    return "\"" + std::string{name} + "\"";
}

// A text as SQL writes it, where standard_conforming_strings is on.
inline std::string in_single_quotes(std::string_view text) {
    std::string literal = "'";
    for (const char c : text)
        literal += c == '\'' ? std::string{"''"} : std::string{c};
    return literal + "'";
}

// `1 row`, `2 rows`.
inline std::string counted(std::int64_t count, std::string_view noun) {
    std::string text = std::to_string(count) + " ";
    text += noun;
    return count == 1 ? text : text + "s";
}

}  // namespace ppm
