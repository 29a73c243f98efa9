#include "core/check/wording.hpp"

#include "core/check/life.hpp"
#include "core/text.hpp"

namespace ppm {

std::string Wording::not_covered(const std::string& range) const {
    return "No partition of table " + in_quotes(parent_.configuration.qualified_name()) +
           " covers " + range;
}

std::string Wording::last_failure(const std::string& name) const {
    return ppm::last_failure(name, inquiries_);
}

std::string Wording::sql_name(const Configuration& configuration) const {
    return inquiries_.identifier(configuration.schema_name) + "." +
           inquiries_.identifier(configuration.table_name);
}

std::string Wording::sql_name(const Partition& partition) const {
    return inquiries_.identifier(partition.schema_name) + "." +
           inquiries_.identifier(partition.name);
}

std::string Wording::call_of(const char* procedure) const {
    return ppm::call_of(procedure, parent_.configuration, inquiries_);
}

std::string Wording::repartition_and(const std::string& then) const {
    const std::string moves = call_of("repartition") + then;
    return inquiries_.is_referred_to() ? "Drop the foreign keys that refer to the table. " + moves +
                                             " Then add the foreign keys again."
                                       : moves;
}

std::string Wording::again(const char* procedure, const std::string& name) const {
    const LastFailure failure = inquiries_.last_failure(name);
    return failure.message.empty() || failure.passes ? call_of(procedure)
                                                     : "When that is fixed: " + call_of(procedure);
}

}  // namespace ppm
