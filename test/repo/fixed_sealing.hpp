// Sealing with fixed keys and a fixed salt, as make_golden.py has them; and the golden files.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "repo/object.hpp"

namespace agri::test {

template <size_t kSize>
std::array<std::byte, kSize> Counting(uint8_t first) {
    std::array<std::byte, kSize> bytes;
    for (size_t i = 0; i < kSize; ++i) bytes[i] = static_cast<std::byte>(first + i);
    return bytes;
}

class FixedSealing final : public repo::SealingContext {
   public:
    explicit FixedSealing(codec::SealingMethod method = codec::SealingMethod::kAes256Gcm)
        : method_(method) {}
    const repo::RepositoryId& repository_id() const override { return id; }
    codec::SealingMethod method() const override { return method_; }
    uint32_t current_key_version() const override {
        return method_ == codec::SealingMethod::kNone ? 0 : 1;
    }
    repo::ObjectHeader NewHeader(repo::ObjectKind kind) const override {
        return {.kind = kind,
                .sealing = method_,
                .key_version = current_key_version(),
                .repository_id = id,
                .salt = Counting<32>(salt_begins)};
    }
    base::Result<codec::ObjectKey> KeyFor(const repo::ObjectHeader& header,
                                          std::string_view name) const override {
        AGRI_TRY(repo::CheckHeader(header, *this, name));
        if (header.key_version != current_key_version())
            return base::MakeError(base::ErrorCode::kAuthentication,
                                   "object \"{}\" is sealed with an unknown key", name);
        return repo::DeriveObjectKey(header, Counting<32>(0x20), name);
    }

    repo::RepositoryId id = Counting<16>(0);
    uint8_t salt_begins = 0x80;

   private:
    const codec::SealingMethod method_;
};

struct Golden {
    std::string key;  // its object key
    base::Bytes content;
};

inline Golden ReadGolden(const std::string& name) {
    // Next to this header; tests run where they were built, in the source tree's root.
    std::string path = std::string(__FILE__);
    std::ifstream file(path.substr(0, path.rfind('/')) + "/data/" + name + ".hex");
    Golden golden;
    std::string hex;
    for (std::string line; std::getline(file, line);)
        line.starts_with("# ") ? golden.key = line.substr(2) : hex += line;
    golden.content.resize(hex.size() / 2);
    EXPECT_TRUE(!hex.empty() && base::FromHex(hex, golden.content)) << name;
    return golden;
}

}  // namespace agri::test
