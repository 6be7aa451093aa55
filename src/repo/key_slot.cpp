// Wrapping uses the frames' cipher. The wrapping key is derived from a fresh salt and so used once;
// the random nonce comes on top of that.
#include "repo/key_slot.hpp"

#include <algorithm>

namespace agri::repo {

namespace {

constexpr std::string_view kSlotInfo = "agri_backup key slot v1";
constexpr std::string_view kKeyIdInfo = "agri_backup key id v1";
constexpr std::string_view kSlotNameInfo = "agri_backup key slot name v1";
constexpr size_t kSaltBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr size_t kNonceZeroBytes = 4;  // the cipher's nonce is four zeros and a big-endian number

using Nonce = std::array<std::byte, kNonceBytes>;

uint64_t NonceNumber(const Nonce& nonce) {
    return __builtin_bswap64(base::LoadLe<uint64_t>(nonce.data() + kNonceZeroBytes));
}

codec::ObjectKey WrappingKey(const format::KeySlot& slot, const codec::Secret& user_key,
                             const KeySlotContext& context) {
    std::string info(kSlotInfo);
    info.append(base::AsText(context.repository_id));
    std::array<std::byte, 4> version;
    base::StoreLe(version.data(), context.key_version);
    info.append(base::AsText(version));
    info.push_back(static_cast<char>(slot.kind()));
    return {codec::SealingMethod::kAes256Gcm,
            codec::DeriveKey(user_key.view(), base::AsBytes(slot.salt()), base::AsBytes(info))};
}

bool IsFileSlot(const format::KeySlot& slot) {
    return slot.kind() == format::KeySlot::FILE && slot.salt().size() == kSaltBytes &&
           slot.nonce().size() == kNonceBytes &&
           slot.wrapped().size() == codec::kKeyBytes + codec::kTagBytes &&
           slot.key_id().size() == KeyId{}.size();
}

base::Error DamagedSlot(std::string_view slot_name, std::string_view detail) {
    return base::MakeError(base::ErrorCode::kCorrupt, "key slot \"{}\" is damaged", slot_name)
        .WithDetail(std::string(detail))
        .WithHint("Use another key of this repository, or bring the slot back from a copy.");
}

std::string RandomText(base::Random& random, size_t bytes) {
    std::string text(bytes, '\0');
    random.Fill(std::as_writable_bytes(std::span(text)));
    return text;
}

}  // namespace

KeyId UserKeyId(const codec::Secret& user_key, const RepositoryId& repository_id) {
    codec::Secret derived =
        codec::DeriveKey(user_key.view(), repository_id, base::AsBytes(kKeyIdInfo));
    KeyId id;
    std::copy_n(derived.view().begin(), id.size(), id.begin());
    return id;
}

std::string FileSlotName(const codec::Secret& user_key) {
    const std::array<std::byte, kSaltBytes> no_salt{};
    codec::Secret derived =
        codec::DeriveKey(user_key.view(), no_salt, base::AsBytes(kSlotNameInfo));
    return "file-" + base::ToHex(derived.view().first(4));
}

base::Result<format::KeySlot> WrapKey(const codec::Secret& user_key,
                                      const codec::Secret& repository_key,
                                      const KeySlotContext& context, base::Random& random,
                                      base::WallTime now) {
    Nonce nonce{};
    random.Fill(base::MutableBytes(nonce).subspan(kNonceZeroBytes));
    format::KeySlot slot;
    slot.set_kind(format::KeySlot::FILE);
    slot.set_created_us(now.time_since_epoch().count());
    slot.set_salt(RandomText(random, kSaltBytes));
    slot.set_nonce(std::string(base::AsText(nonce)));
    slot.set_key_id(std::string(base::AsText(UserKeyId(user_key, context.repository_id))));
    slot.set_repository_id(std::string(base::AsText(context.repository_id)));
    codec::Secret wrapped = repository_key.Clone();
    std::array<std::byte, codec::kTagBytes> tag;
    codec::FrameCipher cipher;
    AGRI_TRY(cipher.Seal(WrappingKey(slot, user_key, context), NonceNumber(nonce), {},
                         wrapped.mutable_view(), tag));
    slot.set_wrapped(std::string(base::AsText(wrapped.view())).append(base::AsText(tag)));
    return slot;
}

base::Result<codec::Secret> UnwrapKey(const format::KeySlot& slot, const codec::Secret& user_key,
                                      const KeySlotContext& context, std::string_view slot_name) {
    constexpr std::string_view kDoesNotOpen = "It is meant for this key, but does not open.";
    if (!IsFileSlot(slot) || slot.repository_id() != base::AsText(context.repository_id))
        return DamagedSlot(slot_name, kDoesNotOpen);
    Nonce nonce;
    base::ByteView stored_nonce = base::AsBytes(slot.nonce());
    std::copy(stored_nonce.begin(), stored_nonce.end(), nonce.begin());
    if (!base::IsAllZero(base::ByteView(nonce).first(kNonceZeroBytes)))
        return DamagedSlot(slot_name, kDoesNotOpen);
    base::ByteView wrapped = base::AsBytes(slot.wrapped());
    codec::Secret key(wrapped.first(codec::kKeyBytes));
    codec::FrameCipher cipher;
    if (!cipher.Open(WrappingKey(slot, user_key, context), NonceNumber(nonce), {},
                     key.mutable_view(), wrapped.last(codec::kTagBytes)))
        return DamagedSlot(slot_name, kDoesNotOpen);
    return key;
}

base::Result<format::KeySlot> ParseKeySlot(base::ByteView bytes, std::string_view slot_name) {
    format::KeySlot slot;
    bool parsed = slot.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    bool whole = parsed && slot.repository_id().size() == RepositoryId{}.size() &&
                 (slot.kind() != format::KeySlot::FILE || IsFileSlot(slot));
    if (!whole) return DamagedSlot(slot_name, "It is not a key slot of format 1.");
    return slot;
}

}  // namespace agri::repo
