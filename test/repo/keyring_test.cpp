// Key slots: which key they want, and what damage to them looks like.
#include "repo/keyring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repo/fixed_sealing.hpp"
#include "repo/key_slot.hpp"
#include "repo/layout.hpp"
#include "storage/manual_time.hpp"
#include "storage/memory_storage.hpp"

namespace agri::repo {
namespace {

using base::ErrorCode;
using test::Counting;
using testing::HasSubstr;

class KeyringTest : public testing::Test {
   protected:
    Keyring::First Create(const codec::Secret& user_key) {
        auto first = Keyring::Create(storage_, user_key, random_, clock_.Now());
        EXPECT_TRUE(first) << first.error().ToString();
        return *first;
    }
    void PutSlot(const codec::Secret& user_key, const codec::Secret& key, uint32_t version,
                 const RepositoryId& id) {
        auto slot = WrapKey(user_key, key, {id, version}, random_, clock_.Now());
        ASSERT_TRUE(slot);
        std::string slot_key = layout::KeySlot(version, FileSlotName(user_key));
        ASSERT_TRUE(storage_.Put(slot_key, base::AsBytes(slot->SerializeAsString())));
    }
    base::Error OpenError(const codec::Secret& user_key, const RepositoryId& id) {
        auto keyring = Keyring::Open(storage_, user_key, id);
        EXPECT_FALSE(keyring);
        return keyring ? base::Error() : keyring.error();
    }

    std::shared_ptr<test::MemoryDisk> disk_ = std::make_shared<test::MemoryDisk>();
    test::MemoryStorage storage_{disk_};
    test::ManualClock clock_;
    base::Random& random_ = base::SystemRandom();
    codec::Secret user_key_{Counting<32>(0x40)};
    codec::Secret other_key_{Counting<32>(0x41)};
};

TEST_F(KeyringTest, Open_GoldenSlot_GivesItsKey) {
    test::Golden golden = test::ReadGolden("v1_key_slot");
    disk_->Overwrite(golden.key, golden.content);
    EXPECT_EQ(golden.key, layout::KeySlot(1, FileSlotName(user_key_)));
    auto keyring = Keyring::Open(storage_, user_key_, Counting<16>(0));
    ASSERT_TRUE(keyring) << keyring.error().ToString();
    ASSERT_NE(keyring->Find(1), nullptr);
    EXPECT_EQ(base::ToHex(keyring->Find(1)->view()), base::ToHex(Counting<32>(0x20)));
    EXPECT_EQ(keyring->Find(2), nullptr);
}

TEST_F(KeyringTest, Create_Fresh_OpensWithItsKeyAlone) {
    Keyring::First first = Create(user_key_);
    EXPECT_TRUE(first.created);
    auto keyring = Keyring::Open(storage_, user_key_, first.repository_id);
    ASSERT_TRUE(keyring);
    EXPECT_EQ(keyring->current_version(), 1u);
    EXPECT_EQ(keyring->slot_count(), 1u);
    EXPECT_FALSE(base::IsAllZero(keyring->Find(1)->view()));
    base::Error error = OpenError(other_key_, first.repository_id);
    EXPECT_EQ(error.code, ErrorCode::kAuthentication);
    EXPECT_THAT(error.message, HasSubstr("does not open the key slot of"));
}

TEST_F(KeyringTest, Create_Again_TakesUpWhatIsThere) {
    Keyring::First first = Create(user_key_);
    Keyring::First again = Create(user_key_);
    EXPECT_FALSE(again.created);
    EXPECT_EQ(again.repository_id, first.repository_id);
    EXPECT_EQ(again.slot_key, first.slot_key);
}

TEST_F(KeyringTest, Create_WhereAnotherKeysSlotStands_IsConflict) {
    Create(other_key_);
    auto second = Keyring::Create(storage_, user_key_, random_, clock_.Now());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
    EXPECT_THAT(second.error().hint, HasSubstr("remove the folder \"keys\""));
}

TEST_F(KeyringTest, Open_AnyBitOfTheSlotFlipped_NeverGivesAnotherKey) {
    Keyring::First first = Create(user_key_);
    std::string genuine =
        base::ToHex(Keyring::Open(storage_, user_key_, first.repository_id)->Find(1)->view());
    base::Bytes whole = *disk_->Snapshot().at(first.slot_key);
    for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
        base::Bytes damaged = whole;
        damaged[bit / 8] ^= std::byte{1} << (bit % 8);
        disk_->Overwrite(first.slot_key, damaged);
        auto keyring = Keyring::Open(storage_, user_key_, first.repository_id);
        // What is not authenticated (time, label) may change; the key may not.
        if (keyring) {
            EXPECT_EQ(base::ToHex(keyring->Find(1)->view()), genuine) << "byte " << bit / 8;
        } else {
            EXPECT_NE(keyring.error().code, ErrorCode::kInternal) << "byte " << bit / 8;
        }
    }
}

TEST_F(KeyringTest, Open_DamagedSlotOfThisKey_IsCorruptNotWrongKey) {
    Keyring::First first = Create(user_key_);
    base::Bytes whole = *disk_->Snapshot().at(first.slot_key);
    format::KeySlot slot;
    ASSERT_TRUE(slot.ParseFromArray(whole.data(), static_cast<int>(whole.size())));
    auto overwrite = [&](const format::KeySlot& changed) {
        std::string text = changed.SerializeAsString();
        base::ByteView bytes = base::AsBytes(text);
        disk_->Overwrite(first.slot_key, {bytes.begin(), bytes.end()});
        return OpenError(user_key_, first.repository_id);
    };
    format::KeySlot wrapped = slot;
    (*wrapped.mutable_wrapped())[5] ^= 1;
    EXPECT_EQ(overwrite(wrapped).code, ErrorCode::kCorrupt);
    format::KeySlot id = slot;
    (*id.mutable_key_id())[0] ^= 1;
    (*id.mutable_wrapped())[0] ^= 1;
    EXPECT_EQ(overwrite(id).code, ErrorCode::kCorrupt);
    format::KeySlot repository = slot;
    (*repository.mutable_repository_id())[0] ^= 1;
    EXPECT_EQ(overwrite(repository).code, ErrorCode::kCorrupt);
    format::KeySlot nonce = slot;
    (*nonce.mutable_nonce())[0] ^= 1;
    EXPECT_EQ(overwrite(nonce).code, ErrorCode::kCorrupt);
    format::KeySlot kind = slot;
    kind.set_kind(format::KeySlot::PKCS11);
    kind.clear_nonce();
    EXPECT_NE(overwrite(kind).code, ErrorCode::kInternal);
    kind.set_repository_id(std::string(16, 'r'));
    EXPECT_EQ(overwrite(kind).code, ErrorCode::kCorrupt);
    format::KeySlot shorter = slot;
    shorter.mutable_wrapped()->pop_back();
    base::Error error = overwrite(shorter);
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    EXPECT_THAT(error.message, HasSubstr(first.slot_key));
    disk_->Overwrite(first.slot_key, base::Bytes(70000));
    EXPECT_EQ(OpenError(user_key_, first.repository_id).code, ErrorCode::kCorrupt);
}

TEST_F(KeyringTest, Open_DamagedSlotOfAnotherKey_DoesNotMatter) {
    Keyring::First first = Create(user_key_);
    disk_->Overwrite("keys/00000001/file-00000000", base::Bytes(20));
    EXPECT_TRUE(Keyring::Open(storage_, user_key_, first.repository_id));
}

TEST_F(KeyringTest, Open_SlotMovedToAnotherVersion_IsCorrupt) {
    Keyring::First first = Create(user_key_);
    disk_->Overwrite(layout::KeySlot(2, FileSlotName(user_key_)),
                     *disk_->Snapshot().at(first.slot_key));
    EXPECT_EQ(OpenError(user_key_, first.repository_id).code, ErrorCode::kCorrupt);
}

TEST_F(KeyringTest, Open_SeveralVersionsAndSlots_OpensWhatTheKeyOpens) {
    Keyring::First first = Create(user_key_);
    const RepositoryId& id = first.repository_id;
    codec::Secret second_version(Counting<32>(0x70));
    PutSlot(user_key_, second_version, 2, id);
    PutSlot(other_key_, second_version, 2, id);
    auto keyring = Keyring::Open(storage_, user_key_, id);
    ASSERT_TRUE(keyring);
    EXPECT_EQ(keyring->current_version(), 2u);
    EXPECT_EQ(keyring->slot_count(), 2u);
    EXPECT_NE(keyring->Find(1), nullptr);
    auto other = Keyring::Open(storage_, other_key_, id);
    ASSERT_TRUE(other);
    EXPECT_EQ(other->Find(1), nullptr);
    EXPECT_EQ(base::ToHex(other->Find(2)->view()), base::ToHex(second_version.view()));
}

TEST_F(KeyringTest, Open_SlotLeftByAnInitThatLost_IsPassedOver) {
    Keyring::First first = Create(user_key_);
    PutSlot(other_key_, codec::Secret(Counting<32>(0)), 1, Counting<16>(9));
    auto keyring = Keyring::Open(storage_, user_key_, first.repository_id);
    ASSERT_TRUE(keyring);
    EXPECT_EQ(keyring->slot_count(), 1u);
    EXPECT_EQ(OpenError(other_key_, first.repository_id).code, ErrorCode::kAuthentication);
}

TEST_F(KeyringTest, Open_NoSlotsAtAll_IsCorruptAndSaysWhatIsMissing) {
    base::Error error = OpenError(user_key_, Counting<16>(0));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    EXPECT_THAT(error.message, HasSubstr("has no key slots"));
}

TEST_F(KeyringTest, Open_StorageIsAway_KeepsItsCode) {
    Keyring::First first = Create(user_key_);
    disk_->Fail({.operation = test::Operation::kOpen});
    EXPECT_EQ(OpenError(user_key_, first.repository_id).code, ErrorCode::kUnavailable);
}

TEST_F(KeyringTest, Wrap_Twice_SharesNoRandomness) {
    auto one = WrapKey(user_key_, other_key_, {}, random_, clock_.Now());
    auto two = WrapKey(user_key_, other_key_, {}, random_, clock_.Now());
    ASSERT_TRUE(one && two);
    EXPECT_NE(one->salt(), two->salt());
    EXPECT_NE(one->nonce(), two->nonce());
    EXPECT_NE(one->wrapped(), two->wrapped());
}

}  // namespace
}  // namespace agri::repo
