// The words for error codes and the one reading of errno. The words are part of JSON output and of
// the wire protocol: a word, once released, keeps its meaning.
#include "base/error.hpp"

#include <array>
#include <cerrno>
#include <system_error>

namespace agri::base {

namespace {

struct CodeName {
    ErrorCode code;
    std::string_view name;
};

constexpr std::array kCodeNames = {
    CodeName{ErrorCode::kInvalidArgument, "invalid_argument"},
    CodeName{ErrorCode::kConfiguration, "configuration"},
    CodeName{ErrorCode::kNotFound, "not_found"},
    CodeName{ErrorCode::kAlreadyExists, "already_exists"},
    CodeName{ErrorCode::kConflict, "conflict"},
    CodeName{ErrorCode::kNotInitialized, "not_initialized"},
    CodeName{ErrorCode::kUnsupported, "unsupported"},
    CodeName{ErrorCode::kCorrupt, "corrupt"},
    CodeName{ErrorCode::kAuthentication, "authentication"},
    CodeName{ErrorCode::kPermission, "permission"},
    CodeName{ErrorCode::kNoSpace, "no_space"},
    CodeName{ErrorCode::kUnavailable, "unavailable"},
    CodeName{ErrorCode::kIo, "io"},
    CodeName{ErrorCode::kBusy, "busy"},
    CodeName{ErrorCode::kCancelled, "cancelled"},
    CodeName{ErrorCode::kUnreachableTarget, "unreachable_target"},
    CodeName{ErrorCode::kClusterState, "cluster_state"},
    CodeName{ErrorCode::kInternal, "internal"},
};

ErrorCode CodeOfErrno(int error_number) {
    switch (error_number) {
        case ENOENT:
            return ErrorCode::kNotFound;
        case EEXIST:
            return ErrorCode::kAlreadyExists;
        case EACCES:
        case EPERM:
        case EROFS:
            return ErrorCode::kPermission;
        case ENOSPC:
        case EDQUOT:
            return ErrorCode::kNoSpace;
        case EAGAIN:
        case ETIMEDOUT:
        case ESTALE:
        case EMFILE:
        case ENFILE:
        case ENOMEM:
            return ErrorCode::kUnavailable;
        default:
            return ErrorCode::kIo;
    }
}

}  // namespace

std::string_view ErrorCodeName(ErrorCode code) {
    for (const CodeName& entry : kCodeNames)
        if (entry.code == code) return entry.name;
    return "internal";
}

ErrorCode ErrorCodeFromName(std::string_view name) {
    for (const CodeName& entry : kCodeNames)
        if (entry.name == name) return entry.code;
    return ErrorCode::kInternal;
}

std::string Error::ToString() const {
    std::string line = message;
    if (!detail.empty()) line += " DETAIL: " + detail;
    if (!hint.empty()) line += " HINT: " + hint;
    for (char& character : line)
        if (character == '\n' || character == '\r') character = ' ';
    return line;
}

Error ErrnoError(int error_number, std::string_view what) {
    // generic_category().message() is strerror without its shared buffer.
    return MakeError(CodeOfErrno(error_number), "{}: {}", what,
                     std::generic_category().message(error_number));
}

}  // namespace agri::base
