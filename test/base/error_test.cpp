// Errors as values: base/error.hpp.
#include "base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <set>

namespace agri::base {
namespace {

TEST(ErrorCodeName, EveryCode_HasItsOwnWordAndComesBackFromIt) {
    std::set<std::string_view> words;
    for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
        const auto code = static_cast<ErrorCode>(i);
        EXPECT_EQ(ErrorCodeFromName(ErrorCodeName(code)), code);
        EXPECT_TRUE(words.insert(ErrorCodeName(code)).second) << ErrorCodeName(code);
    }
    EXPECT_EQ(ErrorCodeName(ErrorCode::kNotFound), "not_found");
}

TEST(ErrorCodeFromName, UnknownWord_IsInternal) {
    EXPECT_EQ(ErrorCodeFromName("a_word_of_the_future"), ErrorCode::kInternal);
    EXPECT_EQ(ErrorCodeFromName(""), ErrorCode::kInternal);
}

TEST(ErrnoError, KnownNumbers_MapToTheirCodes) {
    const std::pair<int, ErrorCode> expected[] = {
        {ENOENT, ErrorCode::kNotFound},
        {EEXIST, ErrorCode::kAlreadyExists},
        {EACCES, ErrorCode::kPermission},
        {EPERM, ErrorCode::kPermission},
        {EROFS, ErrorCode::kPermission},
        {ENOSPC, ErrorCode::kNoSpace},
        {EDQUOT, ErrorCode::kNoSpace},
        {EAGAIN, ErrorCode::kUnavailable},
        {ETIMEDOUT, ErrorCode::kUnavailable},
        {ESTALE, ErrorCode::kUnavailable},
        {EMFILE, ErrorCode::kUnavailable},
        {ENFILE, ErrorCode::kUnavailable},
        {ENOMEM, ErrorCode::kUnavailable},
        {EIO, ErrorCode::kIo},
        {EISDIR, ErrorCode::kIo},
    };
    for (const auto& [number, code] : expected) EXPECT_EQ(ErrnoError(number, "x").code, code);
}

TEST(ErrnoError, Message_EndsInTheSystemsWords) {
    EXPECT_EQ(ErrnoError(ENOENT, "could not open file \"x\"").message,
              "could not open file \"x\": No such file or directory");
}

TEST(Error, ToString_PutsAllPartsOnOneLine) {
    const Error error = Error(ErrorCode::kIo, "first\nsecond").WithDetail("Why.").WithHint("Do.");
    EXPECT_EQ(error.ToString(), "first second DETAIL: Why. HINT: Do.");
    EXPECT_EQ(Error(ErrorCode::kIo, "alone").ToString(), "alone");
}

TEST(Error, In_PutsTheContextBeforeTheMessage) {
    const Error error = Error(ErrorCode::kIo, "could not read").In("backup \"b\"");
    EXPECT_EQ(error.message, "backup \"b\": could not read");
}

TEST(Error, In_WhatWasCancelled_NamesNothing) {
    const Error error = Error(ErrorCode::kCancelled, "it was cancelled").In("backup \"b\"");
    EXPECT_EQ(error.message, "it was cancelled");
}

Status Fail(int& calls) {
    ++calls;
    return Error(ErrorCode::kBusy, "taken");
}

TEST(AgriTry, FailingStatus_ReturnsItsErrorAfterOneEvaluation) {
    int calls = 0;
    auto attempt = [&]() -> Result<int> {
        AGRI_TRY(Fail(calls));
        return 1;
    };
    EXPECT_EQ(attempt().error().code, ErrorCode::kBusy);
    EXPECT_EQ(calls, 1);
}

TEST(AgriAssign, MoveOnlyValue_IsMovedOut) {
    auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(5); };
    auto attempt = [&]() -> Result<int> {
        AGRI_ASSIGN(const std::unique_ptr<int> value, make());
        return *value;
    };
    EXPECT_EQ(attempt().value(), 5);
}

TEST(AgriAssign, FailingResult_ReturnsItsError) {
    auto attempt = []() -> Status {
        AGRI_ASSIGN([[maybe_unused]] int value, Result<int>(Error(ErrorCode::kCorrupt, "bad")));
        return {};
    };
    EXPECT_EQ(attempt().error().message, "bad");
}

}  // namespace
}  // namespace agri::base
