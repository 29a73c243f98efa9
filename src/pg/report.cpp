#include "pg/report.hpp"

#include "core/text.hpp"
#include "pg/spi.hpp"

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

void say(const char* done, const ManagedParent& managed, const std::string& schema_name,
         const std::string& name, const BoundRange& bounds) {
    const std::string notice = std::string{done} + " partition " +
                               in_quotes(schema_name + "." + name) + " for " +
                               range_text(managed, bounds);
    call([&] { ereport(NOTICE, (errmsg_internal("%s", notice.c_str()))); });
}

std::string range_text(const ManagedParent& managed, const BoundRange& bounds) {
    const KeyCodec codec{*managed.parent.table->key_type, *managed.zone};
    return to_text(codec.decode(bounds.lower)) + " to " + to_text(codec.decode(bounds.upper));
}

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

std::string lock_holders(const std::vector<Oid>& relations) {
    const Rows rows = query(R"(
        SELECT string_agg(DISTINCT pid::text, ', ')
        FROM pg_locks
        WHERE locktype = 'relation' AND granted AND pid <> pg_backend_pid()
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND relation IN (SELECT unnest($1)
                           UNION SELECT confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY ($1)
                           UNION SELECT conrelid FROM pg_constraint WHERE contype = 'f' AND confrelid = ANY ($1)))",
                            {oid_array_parameter(relations)});
    return rows.is_null(0, 1) ? "" : "; locks are held by process " + rows.string(0, 1);
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
    const auto* const raised = dynamic_cast<const PostgresError*>(&error);
    return raised != nullptr && raised->is_cancel();
}

bool is_lock_failure(const Error& error) {
    return error.sqlstate() == ERRCODE_LOCK_NOT_AVAILABLE ||
           error.sqlstate() == ERRCODE_T_R_DEADLOCK_DETECTED;
}

bool stops_the_table(const Error& error) {
    const int category = ERRCODE_TO_CATEGORY(error.sqlstate());
    return category == ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION) ||
           category == ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES) ||
           error.sqlstate() == ERRCODE_CONNECTION_FAILURE ||
           error.sqlstate() == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
}

}  // namespace ppm
