// Errors as values: every fallible function of the layers below pg/ returns Result<T> or Status.
// An Error names what happened, to which object, and what to do next; pg/ alone maps its code to a
// SQLSTATE and cli/ alone to an exit code. Exceptions are left for broken invariants and bad_alloc.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace agri::base {

enum class ErrorCode {
    kInvalidArgument,    // the caller's or operator's input makes no sense
    kConfiguration,      // settings are missing or contradict each other
    kNotFound,           // the named object does not exist (certain, not a guess)
    kAlreadyExists,      // something stands where only an absent name was acceptable
    kConflict,           // different content under the same name, or another writer's claim
    kNotInitialized,     // no repository there (or the folder or bucket is not mounted)
    kUnsupported,        // newer format, unknown codec, foreign feature
    kCorrupt,            // an object fails authentication or contradicts itself
    kAuthentication,     // wrong or missing key, refused credentials
    kPermission,         // the operating system or service refuses access
    kNoSpace,            // storage is full or over quota
    kUnavailable,        // storage or a process cannot be reached now: a retry may succeed
    kIo,                 // any other input/output failure
    kBusy,               // somebody else holds the lease; the message names the holder
    kCancelled,          // the user or a shutdown ended the work
    kUnreachableTarget,  // no backup and WAL lead to the recovery target
    kClusterState,       // the PostgreSQL cluster is not in the state the operation needs
    kInternal,           // a broken assumption of ours
};

// Stable lower-case word for an error code ("not_found"), used in JSON and in the wire protocol.
std::string_view ErrorCodeName(ErrorCode code);
// Inverse of ErrorCodeName; unknown words map to kInternal.
ErrorCode ErrorCodeFromName(std::string_view name);

// Message parts follow PostgreSQL's style guide: `message` is lower case and has no period;
// `detail` and `hint` are whole sentences. No part ever holds a key, a token or a signed URL.
struct Error {
    ErrorCode code = ErrorCode::kInternal;
    std::string message;
    std::string detail;
    std::string hint;

    Error() = default;
    Error(ErrorCode error_code, std::string text) : code(error_code), message(std::move(text)) {}

    Error&& WithDetail(std::string text) && {
        detail = std::move(text);
        return std::move(*this);
    }
    Error&& WithHint(std::string text) && {
        hint = std::move(text);
        return std::move(*this);
    }
    // Puts "CONTEXT: " before the message, to say for what the failed step was needed. What was
    // cancelled failed at nothing.
    Error&& In(std::string_view context) && {
        if (code == ErrorCode::kCancelled) return std::move(*this);
        message = fmt::format("{}: {}", context, message);
        return std::move(*this);
    }
    // One line for logs: message, detail and hint.
    std::string ToString() const;
};

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
   public:
    using tl::expected<T, Error>::expected;
    Result(tl::expected<T, Error> other) : tl::expected<T, Error>(std::move(other)) {}
    Result(Error error) : tl::expected<T, Error>(tl::unexpect, std::move(error)) {}
};

using Status = Result<void>;

// Builds an Error with a formatted message.
template <class... Args>
Error MakeError(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
    return Error(code, fmt::format(format, std::forward<Args>(args)...));
}

// Builds an Error from errno: maps ENOENT, EACCES, ENOSPC … to their codes and appends strerror.
Error ErrnoError(int error_number, std::string_view what);

}  // namespace agri::base

#define AGRI_CONCAT_INNER(a, b) a##b
#define AGRI_CONCAT(a, b) AGRI_CONCAT_INNER(a, b)
// Returns the error of a Status or Result expression to the caller.
#define AGRI_TRY(expression)                                             \
    do {                                                                 \
        auto&& agri_try_status = (expression);                           \
        if (!agri_try_status) return std::move(agri_try_status).error(); \
    } while (false)
// Evaluates a Result expression; on success declares `declaration` with its value.
#define AGRI_ASSIGN(declaration, expression) \
    AGRI_ASSIGN_INNER(AGRI_CONCAT(agri_assign_, __LINE__), declaration, expression)
#define AGRI_ASSIGN_INNER(result, declaration, expression) \
    auto result = (expression);                            \
    if (!result) return std::move(result).error();         \
    declaration = std::move(*result)
