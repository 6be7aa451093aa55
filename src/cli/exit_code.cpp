// The mapping from error codes to exit codes.
#include "cli/exit_code.hpp"

namespace agri::cli {

ExitCode ExitCodeOf(base::ErrorCode code) {
    using base::ErrorCode;
    switch (code) {
        case ErrorCode::kInvalidArgument:
            return kUsage;
        case ErrorCode::kConfiguration:
        case ErrorCode::kNotInitialized:
            return kConfiguration;
        case ErrorCode::kNotFound:
            return kNotFound;
        case ErrorCode::kAlreadyExists:
        case ErrorCode::kConflict:
            return kConflict;
        case ErrorCode::kBusy:
            return kBusy;
        case ErrorCode::kCorrupt:
            return kCorrupt;
        case ErrorCode::kAuthentication:
        case ErrorCode::kPermission:
            return kPermission;
        case ErrorCode::kNoSpace:
            return kNoSpace;
        case ErrorCode::kUnavailable:
            return kUnavailable;
        case ErrorCode::kUnreachableTarget:
            return kUnreachableTarget;
        case ErrorCode::kClusterState:
            return kClusterState;
        case ErrorCode::kCancelled:
            return kCancelled;
        case ErrorCode::kUnsupported:
        case ErrorCode::kIo:
        case ErrorCode::kInternal:
            return kFailure;
    }
    return kFailure;
}

}  // namespace agri::cli
