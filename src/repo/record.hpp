// Records hold one message each; many stand under rising numbers, of which the highest is in force.
#pragma once

#include <google/protobuf/message_lite.h>

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "repo/repository.hpp"

namespace agri::repo {

inline constexpr size_t kSequenceDigits = 16;  // of claims, leases, schedules

// PutRecord and GetRecord for messages. A record that opens but holds no such message is kCorrupt.
base::Result<storage::PutOutcome> PutMessage(const Repository& repository, std::string_view key,
                                             const google::protobuf::MessageLite& message);
base::Status GetMessage(const Repository& repository, std::string_view key,
                        google::protobuf::MessageLite& message);
template <class Message>
base::Result<Message> GetMessage(const Repository& repository, std::string_view key) {
    Message message;
    AGRI_TRY(GetMessage(repository, key, message));
    return message;
}

// The numbers that stand in a folder as names of exactly `digits` digits, ascending; other names
// are passed over.
base::Result<std::vector<uint64_t>> ListNumbers(storage::Storage& storage, std::string_view folder,
                                                size_t digits);
// The record of the highest number below `folder`, whose older ones may be removed meanwhile;
// nullopt when there is none.
template <class Message>
base::Result<std::optional<std::pair<uint64_t, Message>>> GetHighest(const Repository& repository,
                                                                     const std::string& folder) {
    constexpr int kAttempts = 16;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        AGRI_ASSIGN(auto numbers, ListNumbers(repository.storage(), folder, kSequenceDigits));
        if (numbers.empty()) return std::nullopt;
        auto message = GetMessage<Message>(
            repository, fmt::format("{}{:0{}}", folder, numbers.back(), kSequenceDigits));
        if (message) return std::make_pair(numbers.back(), std::move(*message));
        if (message.error().code != base::ErrorCode::kNotFound) return std::move(message).error();
    }
    return base::MakeError(base::ErrorCode::kUnavailable,
                           "records in \"{}\" change faster than they can be read", folder);
}

}  // namespace agri::repo
