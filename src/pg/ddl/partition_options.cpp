#include "pg/ddl/partition_options.hpp"

#include "core/text.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/ddl/ddl.hpp"

namespace ppm {

namespace {

struct Option {
    std::string name_space;  // `toast`, or none
    std::string name;
    std::string value;
};

Option parsed(const std::string& option) {
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos)
        throw PpmError{ERRCODE_INVALID_PARAMETER_VALUE,
                       "partition option " + in_quotes(option) + " has no value",
                       {},
                       "Write it as name=value or toast.name=value."};
    const std::string name = option.substr(0, equals);
    const std::size_t dot = name.find('.');
    if (dot == std::string::npos)
        return {{}, name, option.substr(equals + 1)};
    return {name.substr(0, dot), name.substr(dot + 1), option.substr(equals + 1)};
}

// What CREATE TABLE makes of its WITH clause. May ereport.
DefElem* definition_of(const Option& option) {
    DefElem* const element =
        makeDefElem(pstrdup(option.name.c_str()),
                    reinterpret_cast<Node*>(makeString(pstrdup(option.value.c_str()))), -1);
    if (!option.name_space.empty())
        element->defnamespace = pstrdup(option.name_space.c_str());
    return element;
}

}  // namespace

void require_valid_options(const std::vector<std::string>& options) {
    std::vector<Option> elements(options.size());
    std::ranges::transform(options, elements.begin(), parsed);
    call([&] {
        List* definitions = nullptr;
        for (const Option& element : elements)
            definitions = lappend(definitions, definition_of(element));
        // As DefineRelation() and NewRelationCreateToastTable() do.
        heap_reloptions(RELKIND_RELATION, options_of(definitions, nullptr), true);
        heap_reloptions(RELKIND_TOASTVALUE, options_of(definitions, "toast"), true);
    });
}

std::string with_clause(const std::vector<std::string>& options) {
    std::string elements;
    for (const std::string& option : options) {
        const auto [name_space, name, value] = parsed(option);
        elements += (elements.empty() ? "" : ", ") +
                    (name_space.empty() ? "" : identifier(name_space) + ".") + identifier(name) +
                    " = " + literal(value);
    }
    return elements.empty() ? "" : " WITH (" + elements + ")";
}

}  // namespace ppm
