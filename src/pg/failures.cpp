#include "pg/failures.hpp"

#include "core/text.hpp"

namespace ppm {

namespace {

std::string sqlstate_text(int sqlstate) {
    return call([=] { return unpack_sql_state(sqlstate); });
}

// Detail lines are one line each, whatever a message holds.
std::string one_line(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    return text;
}

}  // namespace

Failure failure_of(const Configuration& configuration, std::string partition, const Error& error) {
    std::string message = error.message();
    if (const std::string detail = error.detail(); !detail.empty())
        message += ": " + detail;
    return {configuration.qualified_name(), std::move(partition),
            one_line(message) + " (SQLSTATE " + sqlstate_text(error.sqlstate()) + ")",
            error.hint()};
}

Failure failure_of(const Configuration& configuration, const Anomaly& anomaly) {
    return {configuration.qualified_name(), anomaly.partition,
            one_line(anomaly.detail) + " (" + std::string{name_of(anomaly.code)} + ")",
            anomaly.hint};
}

void warn(const Configuration& configuration, const Anomaly& anomaly) {
    const std::string name = configuration.qualified_name();
    call([&] {
        ereport(WARNING,
                (errcode(ERRCODE_WARNING),
                 errmsg_internal("ppm cannot manage table \"%s\" as configured", name.c_str()),
                 errdetail_internal("%s", anomaly.detail.c_str()),
                 errhint("%s", anomaly.hint.c_str())));
    });
}

void raise_failures(int sqlstate, const std::string& message, const std::vector<Failure>& failures,
                    const std::string& closing_hint) {
    std::string detail;
    std::string hint;
    std::set<std::string> hints;
    for (const Failure& failure : failures) {
        detail += detail.empty() ? "" : "\n";
        detail += "table " + in_quotes(failure.table);
        if (!failure.partition.empty())
            detail += ", partition " + in_quotes(failure.partition);
        detail += ": " + failure.message;
        if (!failure.hint.empty() && hints.insert(failure.hint).second)
            hint += failure.hint + "\n";
    }
    throw PpmError{sqlstate, message, detail, hint + closing_hint};
}

bool ends_the_call(const Error& error) {
    // Class 57 is operator intervention: cancel, terminate, shutdown.
    return ERRCODE_TO_CATEGORY(error.sqlstate()) ==
               ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION) &&
           !is_statement_timeout(error);
}

bool is_lock_failure(const Error& error) {
    return error.sqlstate() == ERRCODE_LOCK_NOT_AVAILABLE ||
           error.sqlstate() == ERRCODE_T_R_DEADLOCK_DETECTED;
}

bool is_statement_timeout(const Error& error) {
    const auto* const raised = dynamic_cast<const PostgresError*>(&error);
    return raised != nullptr && raised->is_statement_timeout();
}

}  // namespace ppm
