// Conformance, second part: which names there are, what is listed, what goes away. Included by
// conformance.hpp.
#pragma once

#include <gtest/gtest.h>

#include "storage/conformance_fixture.hpp"

namespace agri::test {

template <class Fixture>
class NameConformance : public ConformanceTest<Fixture> {};

TYPED_TEST_SUITE_P(NameConformance);

TYPED_TEST_P(NameConformance, Absent_Everywhere_IsCertain) {
    ASSERT_EQ(this->Put("folder/object", "x"), "created");
    for (const char* key :
         {"none", "folder/none", "none/object", "folder", "folder/object/below"}) {
        EXPECT_EQ(this->Get(key), "not_found") << key;
        EXPECT_EQ(this->storage_->Stat(key).value(), std::nullopt) << key;
        EXPECT_EQ(this->storage_->EnsureDurable(key).error().code, ErrorCode::kNotFound) << key;
        EXPECT_TRUE(this->storage_->Remove(key)) << key;
    }
    EXPECT_EQ(this->Get("folder/object"), "x");
}

TYPED_TEST_P(NameConformance, List_Everything_IsInByteOrderOfFullKeys) {
    // '-' < '.' < '/' < '0' < 'A' < '_' < 'a': folders don't sort by their bare names.
    Keys sorted = {"a-b", "a-b.c", "a.txt", "a/b", "a/b-", "a0", "aA/z", "aa", "b/c/d", "b/c0"};
    for (size_t i = 0; i < sorted.size(); i++)
        ASSERT_EQ(this->Put(sorted[(i * 7 + 3) % sorted.size()], "x"), "created");
    EXPECT_EQ(this->List(""), sorted);
}

TYPED_TEST_P(NameConformance, List_Prefix_IsAFolder) {
    for (const char* key : {"a/b", "a/c/d", "a-/x", "ab", "b"})
        ASSERT_EQ(this->Put(key, key), "created");
    EXPECT_EQ(this->List("a/"), (Keys{"a/b", "a/c/d"}));
    EXPECT_EQ(this->List("a/c/"), Keys{"a/c/d"});
    EXPECT_EQ(this->List("a/b/"), Keys{});
    EXPECT_EQ(this->List("none/none/"), Keys{});
}

TYPED_TEST_P(NameConformance, List_Sizes_AreTheObjects) {
    ASSERT_EQ(this->Put("a", "123"), "created");
    uint64_t size = 0;
    ASSERT_TRUE(this->storage_->List("", [&](const ObjectInfo& object) -> base::Status {
        size = object.size_bytes;
        return {};
    }));
    EXPECT_EQ(size, 3u);
}

TYPED_TEST_P(NameConformance, List_VisitorFails_EndsWithItsError) {
    for (const char* key : {"a", "b", "c"}) ASSERT_EQ(this->Put(key, key), "created");
    int visits = 0;
    base::Status status = this->storage_->List("", [&](const ObjectInfo&) -> base::Status {
        if (++visits < 2) return {};
        return base::MakeError(ErrorCode::kUnavailable, "enough");
    });
    EXPECT_EQ(status.error().message, "enough");
    EXPECT_EQ(visits, 2);
}

TYPED_TEST_P(NameConformance, List_VisitorRemoves_GoesOn) {
    Keys keys = {"a/1", "a/2", "b/1", "b/2"};
    for (const std::string& key : keys) ASSERT_EQ(this->Put(key, key), "created");
    Keys seen;
    ASSERT_TRUE(this->storage_->List("", [&](const ObjectInfo& object) -> base::Status {
        seen.push_back(object.key);
        return this->storage_->Remove(object.key);
    }));
    EXPECT_EQ(seen, keys);
    EXPECT_EQ(this->List(""), Keys{});
}

TYPED_TEST_P(NameConformance, Children_Mixed_NamesObjectsAndFolders) {
    for (const char* key : {"a/x/1", "a/x/2", "a/x-y", "a/b", "c"})
        ASSERT_EQ(this->Put(key, key), "created");
    EXPECT_EQ(this->storage_->Children("").value(), (Keys{"a", "c"}));
    EXPECT_EQ(this->storage_->Children("a/").value(), (Keys{"b", "x", "x-y"}));
    EXPECT_EQ(this->storage_->Children("none/").value(), Keys{});
}

TYPED_TEST_P(NameConformance, Remove_Twice_IsFine) {
    ASSERT_EQ(this->Put("a/b/c", "x"), "created");
    EXPECT_TRUE(this->storage_->Remove("a/b/c"));
    EXPECT_EQ(this->Get("a/b/c"), "not_found");
    EXPECT_TRUE(this->storage_->Remove("a/b/c"));
    EXPECT_EQ(this->storage_->Children("").value(), Keys{});
    EXPECT_EQ(this->Put("a/b/c", "again"), "created");
    EXPECT_EQ(this->Get("a/b/c"), "again");
}

TYPED_TEST_P(NameConformance, Keys_Invalid_AreRefusedEverywhere) {
    using namespace std::string_literals;
    Keys invalid = {"",        "/",       "/a",  "a/",    "a//b", ".",    "..",
                    "../a",    "a/../b",  "a/.", "a\0b"s, "a\nb", "a b",  "a\\b",
                    ".hidden", "a/.tmp",  "ä",   "a+b",   "a~",   "a%2f", std::string(256, 'a'),
                    "\0"s,     "a/\0/b"s, "a:b", "*"};
    std::string deep = "a";
    while (deep.size() <= 1024) deep += "/a";
    invalid.push_back(deep);
    for (const std::string& key : invalid) {
        EXPECT_EQ(this->storage_->Create(key).error().code, ErrorCode::kInvalidArgument) << key;
        EXPECT_EQ(this->storage_->Open(key).error().code, ErrorCode::kInvalidArgument) << key;
        EXPECT_EQ(this->storage_->Stat(key).error().code, ErrorCode::kInvalidArgument) << key;
        EXPECT_EQ(this->storage_->Remove(key).error().code, ErrorCode::kInvalidArgument) << key;
        EXPECT_EQ(this->storage_->EnsureDurable(key).error().code, ErrorCode::kInvalidArgument);
    }
    for (const char* prefix : {"a", "/", "../", "a//", ".tmp/"}) {
        EXPECT_EQ(this->storage_->Children(prefix).error().code, ErrorCode::kInvalidArgument);
        auto visit = [](const ObjectInfo&) { return base::Status(); };
        EXPECT_EQ(this->storage_->List(prefix, visit).error().code, ErrorCode::kInvalidArgument);
    }
    EXPECT_EQ(this->List(""), Keys{});
}

TYPED_TEST_P(NameConformance, Keys_LongestValid_AreAccepted) {
    std::string key = std::string(255, 'a') + '/' + std::string(255, 'b') + '/' +
                      std::string(255, 'c') + '/' + std::string(255, 'd') + "";
    ASSERT_LE(key.size(), 1024u);
    EXPECT_EQ(this->Put(key, "x"), "created");
    EXPECT_EQ(this->List(""), Keys{key});
}

TYPED_TEST_P(NameConformance, RemoveLitter_LivingWriter_IsLeftAlone) {
    auto writer = this->storage_->Create("a").value();
    ASSERT_TRUE(writer->Append(AsBytes("x")));
    EXPECT_EQ(this->fixture_.Open()->RemoveLitter().value(), 0u);
    EXPECT_EQ(writer->Commit().value(), PutOutcome::kCreated);
    EXPECT_EQ(this->Get("a"), "x");
}

TYPED_TEST_P(NameConformance, Space_IfKnown_IsPlausible) {
    auto space = this->storage_->Space();
    ASSERT_TRUE(space);
    if (*space) {
        EXPECT_LE((*space)->free_bytes, (*space)->total_bytes);
        EXPECT_GT((*space)->total_bytes, 0u);
    }
    EXPECT_NE(this->storage_->Describe(), "");
}

REGISTER_TYPED_TEST_SUITE_P(NameConformance, Absent_Everywhere_IsCertain,
                            List_Everything_IsInByteOrderOfFullKeys, List_Prefix_IsAFolder,
                            List_Sizes_AreTheObjects, List_VisitorFails_EndsWithItsError,
                            List_VisitorRemoves_GoesOn, Children_Mixed_NamesObjectsAndFolders,
                            Remove_Twice_IsFine, Keys_Invalid_AreRefusedEverywhere,
                            Keys_LongestValid_AreAccepted, RemoveLitter_LivingWriter_IsLeftAlone,
                            Space_IfKnown_IsPlausible);

}  // namespace agri::test
