// What the conformance suites share: a storage of the fixture and short ways to use it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "storage/storage.hpp"

namespace agri::test {

using base::AsBytes;
using base::ErrorCode;
using storage::ObjectInfo;
using storage::PutOutcome;

template <class Fixture>
class ConformanceTest : public testing::Test {
   protected:
    // A text that tells a failing test everything: outcome or error.
    std::string Put(const std::string& key, std::string_view text) {
        auto outcome = storage_->Put(key, AsBytes(text));
        if (!outcome) return outcome.error().ToString();
        return *outcome == PutOutcome::kCreated ? "created" : "exists";
    }
    std::string Get(const std::string& key) {
        auto content = storage_->Get(key, 1 << 26);
        if (!content) return std::string(base::ErrorCodeName(content.error().code));
        return std::string(base::AsText(*content));
    }
    std::vector<std::string> List(const std::string& prefix) {
        std::vector<std::string> keys;
        base::Status status = storage_->List(prefix, [&](const ObjectInfo& object) -> base::Status {
            keys.push_back(object.key);
            return {};
        });
        if (!status) keys.push_back(status.error().ToString());
        return keys;
    }

    Fixture fixture_;
    std::unique_ptr<storage::Storage> storage_ = fixture_.Open();
};

using Keys = std::vector<std::string>;

}  // namespace agri::test
