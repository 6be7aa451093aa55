// Conformance, first part: writing and reading objects. Included by conformance.hpp.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "storage/conformance_fixture.hpp"

namespace agri::test {

template <class Fixture>
class ObjectConformance : public ConformanceTest<Fixture> {};

TYPED_TEST_SUITE_P(ObjectConformance);

TYPED_TEST_P(ObjectConformance, Put_AbsentKey_CreatesWhatGetReturns) {
    EXPECT_EQ(this->Put("a/b/c", "content"), "created");
    EXPECT_EQ(this->Get("a/b/c"), "content");
    EXPECT_EQ(this->storage_->Stat("a/b/c").value(), 7u);
}

TYPED_TEST_P(ObjectConformance, Put_EmptyContent_CreatesAnEmptyObject) {
    EXPECT_EQ(this->Put("empty", ""), "created");
    EXPECT_EQ(this->Get("empty"), "");
    EXPECT_EQ(this->storage_->Stat("empty").value(), 0u);
}

TYPED_TEST_P(ObjectConformance, Put_PresentKey_ChangesNothing) {
    ASSERT_EQ(this->Put("a/b", "first"), "created");
    EXPECT_EQ(this->Put("a/b", "second"), "exists");
    EXPECT_EQ(this->Get("a/b"), "first");
}

TYPED_TEST_P(ObjectConformance, Put_FromSeveralHandles_SharesOneRepository) {
    ASSERT_EQ(this->Put("a", "first"), "created");
    auto other = this->fixture_.Open();
    EXPECT_EQ(other->Put("a", AsBytes("second")).value(), PutOutcome::kExists);
    EXPECT_EQ(base::AsText(other->Get("a", 100).value()), "first");
}

TYPED_TEST_P(ObjectConformance, Put_ConcurrentCreators_OneWins) {
    constexpr int kThreads = 8, kRounds = 8;
    for (int round = 0; round < kRounds; round++) {
        std::string key = "folder" + std::to_string(round) + "/object";
        std::atomic<int> created = 0, existing = 0, winner = -1;
        std::vector<std::thread> threads;
        for (int i = 0; i < kThreads; i++)
            threads.emplace_back([&, i] {
                auto outcome = this->fixture_.Open()->Put(key, AsBytes(std::to_string(i)));
                if (!outcome) return;
                if (*outcome == PutOutcome::kExists) existing++;
                if (*outcome == PutOutcome::kCreated) created++, winner = i;
            });
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(created, 1);
        EXPECT_EQ(existing, kThreads - 1);
        EXPECT_EQ(this->Get(key), std::to_string(winner));
    }
}

TYPED_TEST_P(ObjectConformance, Put_WhileFoldersAreEmptied_AlwaysCreates) {
    auto other = this->fixture_.Open();
    std::thread remover([&] {
        for (int i = 0; i < 100; i++) {
            std::string key = "a/b/" + std::to_string(i);
            EXPECT_EQ(other->Put(key, AsBytes("x")), PutOutcome::kCreated);
            EXPECT_TRUE(other->Remove(key));
        }
    });
    for (int i = 1000; i < 1100; i++) {
        std::string key = "a/b/" + std::to_string(i);
        EXPECT_EQ(this->Put(key, "y"), "created");
        EXPECT_EQ(this->Get(key), "y");
        EXPECT_TRUE(this->storage_->Remove(key));
    }
    remover.join();
    EXPECT_EQ(this->List(""), Keys{});
}

TYPED_TEST_P(ObjectConformance, Writer_ManyAppends_JoinsThem) {
    auto writer = this->storage_->Create("joined").value();
    for (const char* part : {"one ", "", "two ", "three"})
        ASSERT_TRUE(writer->Append(AsBytes(part)));
    EXPECT_EQ(this->Get("joined"), "not_found");
    ASSERT_EQ(writer->Commit().value(), PutOutcome::kCreated);
    EXPECT_EQ(this->Get("joined"), "one two three");
}

TYPED_TEST_P(ObjectConformance, Writer_Large_ReadsBackWhole) {
    base::Bytes content(9'000'001);
    for (size_t i = 0; i < content.size(); i++) content[i] = std::byte(i * 2654435761u >> 13);
    auto writer = this->storage_->Create("large").value();
    base::ByteView rest(content);
    for (size_t step = 1; !rest.empty(); step = step * 3 + 1) {
        size_t size = std::min(step, rest.size());
        ASSERT_TRUE(writer->Append(rest.first(size)));
        rest = rest.subspan(size);
    }
    ASSERT_EQ(writer->Commit().value(), PutOutcome::kCreated);
    EXPECT_TRUE(this->storage_->Get("large", content.size()).value() == content);
}

TYPED_TEST_P(ObjectConformance, Writer_DestroyedWithoutCommit_LeavesNothing) {
    {
        auto writer = this->storage_->Create("a/b").value();
        ASSERT_TRUE(writer->Append(AsBytes("half")));
        EXPECT_EQ(this->List(""), Keys{});
        EXPECT_EQ(this->storage_->Children("").value(), Keys{});
    }
    EXPECT_EQ(this->Get("a/b"), "not_found");
    EXPECT_EQ(this->List(""), Keys{});
    EXPECT_EQ(this->Put("a/b", "whole"), "created");
}

TYPED_TEST_P(ObjectConformance, Writer_SeveralOpen_EachKeepsItsContent) {
    auto first = this->storage_->Create("first").value();
    auto second = this->storage_->Create("second").value();
    ASSERT_TRUE(first->Append(AsBytes("1")));
    ASSERT_TRUE(second->Append(AsBytes("2")));
    ASSERT_EQ(second->Commit().value(), PutOutcome::kCreated);
    ASSERT_EQ(first->Commit().value(), PutOutcome::kCreated);
    EXPECT_EQ(this->Get("first") + this->Get("second"), "12");
}

TYPED_TEST_P(ObjectConformance, Writer_AfterCommit_RefusesMore) {
    auto writer = this->storage_->Create("a").value();
    ASSERT_EQ(writer->Commit().value(), PutOutcome::kCreated);
    EXPECT_FALSE(writer->Append(AsBytes("more")));
    EXPECT_FALSE(writer->Commit());
    EXPECT_EQ(this->Get("a"), "");
}

TYPED_TEST_P(ObjectConformance, Read_Ranges_FillsExactly) {
    ASSERT_EQ(this->Put("digits", "0123456789"), "created");
    auto reader = this->storage_->Open("digits").value();
    EXPECT_EQ(reader->size_bytes(), 10u);
    base::Bytes out(4);
    ASSERT_TRUE(reader->Read(6, out));
    EXPECT_EQ(base::AsText(out), "6789");
    ASSERT_TRUE(reader->Read(0, out));
    EXPECT_EQ(base::AsText(out), "0123");
    EXPECT_TRUE(reader->Read(10, {}));
}

TYPED_TEST_P(ObjectConformance, Read_PastTheEnd_IsCorrupt) {
    ASSERT_EQ(this->Put("digits", "0123456789"), "created");
    auto reader = this->storage_->Open("digits").value();
    base::Bytes out(4);
    for (uint64_t offset : {7ul, 10ul, 11ul, ~0ul, ~0ul - 3}) {
        base::Status status = reader->Read(offset, out);
        ASSERT_FALSE(status) << offset;
        EXPECT_EQ(status.error().code, ErrorCode::kCorrupt) << offset;
        EXPECT_NE(status.error().message.find("ends early"), std::string::npos);
    }
}

TYPED_TEST_P(ObjectConformance, Read_FromManyThreads_EachGetsItsRange) {
    ASSERT_EQ(this->Put("digits", "0123456789"), "created");
    auto reader = this->storage_->Open("digits").value();
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([&, i] {
            base::Bytes out(1);
            for (int round = 0; round < 50; round++)
                if (!reader->Read(i, out) || out[0] != std::byte('0' + i)) wrong++;
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
}

TYPED_TEST_P(ObjectConformance, Get_AboveTheLimit_IsCorrupt) {
    ASSERT_EQ(this->Put("a", "12345"), "created");
    EXPECT_EQ(this->storage_->Get("a", 4).error().code, ErrorCode::kCorrupt);
    EXPECT_TRUE(this->storage_->Get("a", 5));
}

TYPED_TEST_P(ObjectConformance, EnsureDurable_AfterExists_Succeeds) {
    ASSERT_EQ(this->Put("a/b", "x"), "created");
    ASSERT_EQ(this->Put("a/b", "x"), "exists");
    EXPECT_TRUE(this->storage_->EnsureDurable("a/b"));
}

REGISTER_TYPED_TEST_SUITE_P(ObjectConformance, Put_AbsentKey_CreatesWhatGetReturns,
                            Put_EmptyContent_CreatesAnEmptyObject, Put_PresentKey_ChangesNothing,
                            Put_FromSeveralHandles_SharesOneRepository,
                            Put_ConcurrentCreators_OneWins,
                            Put_WhileFoldersAreEmptied_AlwaysCreates, Writer_ManyAppends_JoinsThem,
                            Writer_Large_ReadsBackWhole,
                            Writer_DestroyedWithoutCommit_LeavesNothing,
                            Writer_SeveralOpen_EachKeepsItsContent, Writer_AfterCommit_RefusesMore,
                            Read_Ranges_FillsExactly, Read_PastTheEnd_IsCorrupt,
                            Read_FromManyThreads_EachGetsItsRange, Get_AboveTheLimit_IsCorrupt,
                            EnsureDurable_AfterExists_Succeeds);

}  // namespace agri::test
