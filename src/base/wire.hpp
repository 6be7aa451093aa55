// The control protocol's message: a verb and named fields, framed by a length. Spoken between the
// server's module (pg/) and the processes it starts (worker/), over socket pairs and the archive
// socket. Header-only and free of dependencies, because the module links none of ours: this is the
// one header that both sides of that boundary share.
//
// Encoding: u32 little-endian length of what follows, then VERB NUL (KEY NUL VALUE NUL)*. Values
// hold no NUL. A length above kMaxMessageBytes is a protocol error: the peer is dropped.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agri::base::wire {

inline constexpr uint32_t kMaxMessageBytes = 4u << 20;
// Raised whenever a verb or a field changes its meaning; sent in HELLO.
inline constexpr int kProtocolVersion = 1;

struct Message {
    std::string verb;
    std::vector<std::pair<std::string, std::string>> fields;

    Message() = default;
    explicit Message(std::string_view name) : verb(name) {}
    Message& Set(std::string_view key, std::string_view value) {
        fields.emplace_back(std::string(key), std::string(value));
        return *this;
    }
    // The first value of that name, or the fallback.
    std::string_view Get(std::string_view key, std::string_view fallback = {}) const {
        for (const auto& field : fields)
            if (field.first == key) return field.second;
        return fallback;
    }
    bool Has(std::string_view key) const {
        for (const auto& field : fields)
            if (field.first == key) return true;
        return false;
    }
};

// The framed bytes, ready to send.
inline std::string Encode(const Message& message) {
    std::string body(message.verb);
    body.push_back('\0');
    for (const auto& field : message.fields) {
        body.append(field.first);
        body.push_back('\0');
        body.append(field.second);
        body.push_back('\0');
    }
    uint32_t length = static_cast<uint32_t>(body.size());
    std::string out(reinterpret_cast<const char*>(&length), sizeof(length));
    return out + body;
}

enum class DecodeResult { kNeedMore, kMessage, kMalformed };

// Takes one message from the front of `buffer` (bytes received so far) if it is there whole.
inline DecodeResult Decode(std::string& buffer, Message& out) {
    uint32_t length;
    if (buffer.size() < sizeof(length)) return DecodeResult::kNeedMore;
    std::memcpy(&length, buffer.data(), sizeof(length));
    if (length == 0 || length > kMaxMessageBytes) return DecodeResult::kMalformed;
    if (buffer.size() < sizeof(length) + length) return DecodeResult::kNeedMore;
    std::string_view body(buffer.data() + sizeof(length), length);
    std::vector<std::string_view> parts;
    while (!body.empty()) {
        size_t end = body.find('\0');
        if (end == std::string_view::npos) return DecodeResult::kMalformed;
        parts.push_back(body.substr(0, end));
        body.remove_prefix(end + 1);
    }
    if (parts.size() % 2 != 1 || parts[0].empty()) return DecodeResult::kMalformed;
    out = Message(parts[0]);
    for (size_t i = 1; i < parts.size(); i += 2) out.Set(parts[i], parts[i + 1]);
    buffer.erase(0, sizeof(length) + length);
    return DecodeResult::kMessage;
}

}  // namespace agri::base::wire
