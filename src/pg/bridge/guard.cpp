#include "pg/bridge/guard.hpp"

#include <cstring>

#include "pg/bridge/messages.hpp"

namespace ppm {

namespace {

std::string text_or_empty(const char* text) {
    return text == nullptr ? std::string{} : std::string{text};
}

// Puts back what a sigsetjmp replaces, on every way out of its frame.
class ExceptionStack {
  public:
    ExceptionStack() : stack_{PG_exception_stack}, callbacks_{error_context_stack} {}
    ~ExceptionStack() {
        PG_exception_stack = stack_;
        error_context_stack = callbacks_;
    }
    ExceptionStack(const ExceptionStack&) = delete;
    ExceptionStack& operator=(const ExceptionStack&) = delete;

  private:
    sigjmp_buf* stack_;
    ErrorContextCallback* callbacks_;
};

// Returns whether body(argument) came back without an error. After an error the caller has to clear
// the error state.
bool came_back(void (*body)(void*), void* argument) {
    const MemoryContext context = CurrentMemoryContext;
    const ExceptionStack restored_on_exit;
    sigjmp_buf here;
    if (sigsetjmp(here, 0) == 0) {
        PG_exception_stack = &here;
        body(argument);
        return true;
    }
    MemoryContextSwitchTo(context);
    return false;
}

// Where the error being handled is copied to.
struct Target {
    ErrorData* data;
    MemoryContext context;
};

// Citus ends a distributed deadlock by cancelling its youngest transaction. Only when the error is
// reported does Citus' emit_log_hook turn the cancel into another error (multi_log_hook(),
// shared_library_init.c).
void tell_deadlock_from_cancel(ErrorData* data) {
    if (data->sqlerrcode == ERRCODE_QUERY_CANCELED && emit_log_hook != nullptr &&
        GetConfigOption("citus.version", true, false) != nullptr)
        (*emit_log_hook)(data);
}

// In a separate memory context the error survives the transaction, and is freed as a whole.
void copy_error(void* argument) {
    auto& target = *static_cast<Target*>(argument);
    target.context = AllocSetContextCreate(TopMemoryContext, "ppm error", ALLOCSET_SMALL_SIZES);
    const MemoryContext before = MemoryContextSwitchTo(target.context);
    target.data = CopyErrorData();
    tell_deadlock_from_cancel(target.data);
    MemoryContextSwitchTo(before);
}

[[noreturn]] void throw_current_error() {
    Target target{nullptr, nullptr};
    const bool copied = came_back(copy_error, &target);
    FlushErrorState();
    if (!copied) {
        if (target.context != nullptr)
            MemoryContextDelete(target.context);
        throw std::bad_alloc{};
    }
    throw PostgresError{target.data, target.context};
}

}  // namespace

PostgresError::PostgresError(ErrorData* data, MemoryContext context)
    : copy_{new Copy{data, context}} {}

PostgresError::Copy::~Copy() {
    if (context != nullptr)
        MemoryContextDelete(context);
}

int PostgresError::sqlstate() const noexcept {
    return copy_->data->sqlerrcode;
}

std::string PostgresError::message() const {
    return text_or_empty(copy_->data->message);
}

std::string PostgresError::detail() const {
    return text_or_empty(copy_->data->detail);
}

std::string PostgresError::hint() const {
    return text_or_empty(copy_->data->hint);
}

std::string PostgresError::constraint() const {
    return text_or_empty(copy_->data->constraint_name);
}

std::string PostgresError::table_schema() const {
    return text_or_empty(copy_->data->schema_name);
}

std::string PostgresError::table() const {
    return text_or_empty(copy_->data->table_name);
}

std::string PostgresError::context() const {
    return text_or_empty(copy_->data->context);
}

const char* PostgresError::what() const noexcept {
    return copy_->data->message == nullptr ? "" : copy_->data->message;
}

bool PostgresError::is_cancel() const noexcept {
    const auto* const data = copy_->data;
    // The name of the function that processes interrupts, and the untranslated message, are from
    // postgres.c.
    return !is_received_ && sqlstate() == ERRCODE_QUERY_CANCELED && data->funcname != nullptr &&
           std::strcmp(data->funcname, "ProcessInterrupts") == 0 &&
           (data->message_id == nullptr ||
            std::strcmp(data->message_id, "canceling statement due to statement timeout") != 0);
}

PpmError::PpmError(int sqlstate, std::string message, std::string detail, std::string hint,
                   const char* file, int line, const char* function)
    : sqlstate_{sqlstate},
      message_{std::move(message)},
      detail_{std::move(detail)},
      hint_{std::move(hint)},
      file_{file},
      line_{line},
      function_{function} {}

void report(const PostgresError& error) {
    auto* const data = error.copy_->data;
    if (!came_back([](void* argument) { ReThrowError(static_cast<ErrorData*>(argument)); }, data)) {
        EmitErrorReport();
        FlushErrorState();
    }
}

void raise_received(const char* message, std::size_t size, bool is_cancel) {
    try {
        call([=] {
            StringInfoData buffer;
            initStringInfo(&buffer);
            appendBinaryStringInfo(&buffer, message, static_cast<int>(size));
            ErrorData data;
            pq_parse_errornotice(&buffer, &data);
            // Code in the other process may have changed its client_encoding.
            for (char** const text : {&data.message, &data.detail, &data.hint, &data.context})
                if (*text != nullptr &&
                    !pg_verifymbstr(*text, static_cast<int>(strlen(*text)), true))
                    *text = pstrdup("(not in the encoding of this database)");
            // A FATAL error of the other process must not end this process.
            data.elevel = std::min(data.elevel, ERROR);
            if (data.elevel >= ERROR)
                ThrowErrorData(&data);
            for (char** const text : {&data.message, &data.detail, &data.hint, &data.context})
                if (*text != nullptr)
                    *text = pstrdup(for_client(*text));
            report_without_callers_context([&] { ThrowErrorData(&data); });
        });
    } catch (PostgresError& error) {
        error.is_received_ = true;
        error.is_cancel_elsewhere_ = is_cancel;
        throw;
    }
}

namespace {

bool (*is_wanted_in_log)(const LogEntry& entry) = nullptr;
emit_log_hook_type next_log_hook = nullptr;

void on_log_entry(ErrorData* data) {
    if (!is_wanted_in_log(
            {data->elevel, data->sqlerrcode, data->message, data->detail, data->hint}))
        data->output_to_server = false;
    else if (next_log_hook != nullptr)
        next_log_hook(data);
}

}  // namespace

void filter_log(bool (*is_wanted)(const LogEntry& entry)) {
    is_wanted_in_log = is_wanted;
    next_log_hook = emit_log_hook;
    emit_log_hook = on_log_entry;
}

namespace detail {

void run(void (*body)(void*), void* argument) {
    if (!came_back(body, argument))
        throw_current_error();
}

Caught Caught::current_exception() noexcept {
    Caught caught;
    try {
        try {
            throw;
        } catch (const PostgresError& error) {
            caught.data = error.copy_->data;
            caught.context = std::exchange(error.copy_->context, nullptr);
        } catch (PpmError& error) {
            caught.error = new PpmError{std::move(error)};
        } catch (const std::bad_alloc&) {
        } catch (const std::exception& error) {
            caught.error = new PpmError{ERRCODE_INTERNAL_ERROR, error.what()};
        } catch (...) {
            caught.error = new PpmError{ERRCODE_INTERNAL_ERROR, "unrecognized C++ exception"};
        }
    } catch (...) {
        // Out of memory while copying the error.
    }
    return caught;
}

void Caught::raise() const {
    if (data != nullptr) {
        // ReThrowError() copies most of the error, but not its location: this copy must live until
        // the error is reported. It is not needed after the (sub)transaction.
        MemoryContextSetParent(
            context, CurTransactionContext != nullptr ? CurTransactionContext : TopMemoryContext);
        ReThrowError(data);
    }
    if (error == nullptr)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));

    const char* const message = for_client(error->message_.c_str());
    const char* const detail = for_client(error->detail_.c_str());
    const char* const hint = for_client(error->hint_.c_str());
    // ereport() spelled out, to name the place that threw rather than this one.
    errstart(ERROR, TEXTDOMAIN);
    errcode(error->sqlstate_);
    errmsg_internal("%s", message);
    if (*detail != '\0')
        errdetail_internal("%s", detail);
    if (*hint != '\0')
        errhint("%s", hint);
    const char* const file = error->file_;
    const int line = error->line_;
    const char* const function = error->function_;
    delete error;
    errfinish(file, line, function);
    pg_unreachable();
}

void end_session(const char* what) noexcept {
    ereport(FATAL, (errmsg_internal("could not clean up after an error: %s", what)));
    pg_unreachable();
}

}  // namespace detail

}  // namespace ppm
