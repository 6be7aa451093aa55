// Serialising what can never be replaced: protobuf writes text that is not UTF-8 without complaint
// and then refuses to read it, so every message that becomes an object is read back first.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace agri::repo {

// kInvalidArgument, saying `what` it is, when a reader could not parse the result.
template <class Message>
base::Result<std::string> SerializeReadably(const Message& message, std::string_view what) {
    std::string bytes = message.SerializeAsString();
    if (Message().ParseFromString(bytes)) return bytes;
    return base::MakeError(base::ErrorCode::kInvalidArgument, "{} holds text that is not UTF-8",
                           what);
}

}  // namespace agri::repo
