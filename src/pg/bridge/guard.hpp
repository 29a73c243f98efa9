// The crossing between PostgreSQL's longjmp and C++'s exceptions. Neither may cross the other's
// frames:
//
//   - C++ calls PostgreSQL only inside call(), which turns an ereport(ERROR) into an exception;
//   - PostgreSQL calls C++ only through boundary(), which turns an exception into an
//   ereport(ERROR).
//
// A caught error must be rethrown, or its Subtransaction (scope.hpp) or transaction rolled back.
// Never just continue: PostgreSQL cleans up after an error only when a (sub)transaction is rolled
// back.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

namespace detail {
struct Caught;
}

// An error on its way through C++ frames.
class Error : public std::exception {
  public:
    virtual int sqlstate() const noexcept = 0;
    virtual std::string message() const = 0;
    virtual std::string detail() const = 0;
    virtual std::string hint() const = 0;
};

// An error that PostgreSQL raised, whole: with its location, context and everything else it
// carries.
class PostgresError final : public Error {
  public:
    // Takes over `context`, in which `data` lives.
    PostgresError(ErrorData* data, MemoryContext context);

    int sqlstate() const noexcept override;
    std::string message() const override;
    std::string detail() const override;
    std::string hint() const override;
    const char* what() const noexcept override;

    // Whether somebody cancelled this session's statement. The SQLSTATE alone does not tell: any
    // function can raise it, a statement timeout has it, and so has a cancel of another process.
    bool is_cancel() const noexcept;

    // Whether it was raised in another process. If it ended that process, it does not end this one.
    bool is_received() const noexcept { return is_received_; }

    // Whether somebody cancelled that process.
    bool is_cancel_elsewhere() const noexcept { return is_cancel_elsewhere_; }

    // The violated constraint and its table; empty if the error is about none.
    std::string constraint() const;
    std::string table_schema() const;
    std::string table() const;

    // The lines of the error's CONTEXT, innermost first.
    std::string context() const;

  private:
    friend struct detail::Caught;
    friend void report(const PostgresError& error);
    friend void raise_received(const char* message, std::size_t size, bool is_cancel);

    // Exceptions are copied, so the copies share what they carry.
    struct Copy {
        ErrorData* data;
        MemoryContext context;

        ~Copy();
    };
    std::shared_ptr<Copy> copy_;
    bool is_received_ = false;
    bool is_cancel_elsewhere_ = false;
};

// An error that ppm raises itself.
class PpmError final : public Error {
  public:
    // The message follows PostgreSQL's style guide: no capital, no full stop; detail and hint are
    // sentences.
    PpmError(int sqlstate, std::string message, std::string detail = {}, std::string hint = {},
             const char* file = __builtin_FILE(), int line = __builtin_LINE(),
             const char* function = __builtin_FUNCTION());

    int sqlstate() const noexcept override { return sqlstate_; }
    std::string message() const override { return message_; }
    std::string detail() const override { return detail_; }
    std::string hint() const override { return hint_; }
    const char* what() const noexcept override { return message_.c_str(); }

  private:
    friend struct detail::Caught;

    int sqlstate_;
    std::string message_;
    std::string detail_;
    std::string hint_;
    const char* file_;
    int line_;
    const char* function_;
};

// Sends an error that was caught to the client and the log, as PostgreSQL does with one that
// reached the top of a session.
void report(const PostgresError& error);

// Raises here what another process sent as an ErrorResponse or NoticeResponse: throws an ERROR,
// even for FATAL, and passes anything less on to the client. `is_cancel`: somebody cancelled the
// other process, which the error alone does not tell.
void raise_received(const char* message, std::size_t size, bool is_cancel = false);

// What is about to be written to the server's log.
struct LogEntry {
    int level;
    int sqlstate;
    const char* message;
    const char* detail;  // null if there is none, like the hint
    const char* hint;
};

// From now on this process logs only what `is_wanted` returns true for. It must not ereport.
void filter_log(bool (*is_wanted)(const LogEntry& entry));

namespace detail {

// Runs body(argument); throws PostgresError if it raises an error, std::bad_alloc if the error
// cannot be copied.
void run(void (*body)(void*), void* argument);

// The error that a boundary has caught. Trivially destructible, because raise() leaves it by
// longjmp. If it holds neither kind of error, it means out of memory.
struct Caught {
    ErrorData* data = nullptr;
    MemoryContext context = nullptr;
    PpmError* error = nullptr;

    // Keeps the exception that is being handled. Only inside a catch block.
    static Caught current_exception() noexcept;

    // Raises what was caught as PostgreSQL's error. Only after the catch block has been left.
    [[noreturn]] void raise() const;
};

[[noreturn]] void end_session(const char* what) noexcept;

}  // namespace detail

// Code that a longjmp may leave in the middle: it owns nothing.
template <typename Function>
concept Skippable = std::is_trivially_destructible_v<Function> && std::is_invocable_v<Function&> &&
    (std::is_void_v<std::invoke_result_t<Function&>> ||
     std::is_trivially_destructible_v<std::invoke_result_t<Function&>>);

// Calls PostgreSQL. `function` may ereport, so it must not keep an object with a destructor.
template <Skippable Function>
auto call(Function function) {
    using Result = std::invoke_result_t<Function&>;
    if constexpr (std::is_void_v<Result>) {
        detail::run([](void* argument) { (*static_cast<Function*>(argument))(); }, &function);
    } else {
        struct Frame {
            Function& function;
            std::optional<Result> result;
        } frame{function, std::nullopt};
        detail::run(
            [](void* argument) {
                auto& each = *static_cast<Frame*>(argument);
                each.result.emplace(each.function());
            },
            &frame);
        return *frame.result;
    }
}

// Calls PostgreSQL from a destructor. An error here would leave the session in an unknown state, so
// it ends the session.
template <Skippable Function>
void call_in_destructor(Function function) noexcept {
    try {
        call(function);
    } catch (const std::exception& error) {
        detail::end_session(error.what());
    }
}

// Wraps the whole body of every function that PostgreSQL calls.
template <Skippable Function>
auto boundary(Function function) -> std::invoke_result_t<Function&> {
    detail::Caught caught;
    try {
        return function();
    } catch (...) {
        caught = detail::Caught::current_exception();
    }
    caught.raise();
}

}  // namespace ppm
