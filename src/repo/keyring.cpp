// Finds the slots of a user key in keys/ and unwraps what they hold. Slots of another repository id
// (an init that lost a race, cut off before it cleaned up) are passed over.
#include "repo/keyring.hpp"

#include <algorithm>
#include <optional>

#include "repo/key_slot.hpp"
#include "repo/layout.hpp"

namespace agri::repo {

namespace {

constexpr uint64_t kMaxSlotBytes = 64u << 10;
constexpr uint32_t kFirstVersion = 1;
constexpr size_t kVersionDigits = 8;

base::Result<format::KeySlot> ReadSlot(storage::Storage& storage, const std::string& slot_key) {
    AGRI_ASSIGN(base::Bytes bytes, storage.Get(slot_key, kMaxSlotBytes));
    return ParseKeySlot(bytes, slot_key);
}

// What one version's slots gave.
struct VersionScan {
    std::optional<codec::Secret> key;
    std::optional<base::Error> damage;  // of a slot that is ours
    size_t slots = 0;
};

// The context that a slot claims for itself.
KeySlotContext OwnContext(const format::KeySlot& slot, KeySlotContext context) {
    base::ByteView id = base::AsBytes(slot.repository_id());
    std::copy(id.begin(), id.end(), context.repository_id.begin());
    return context;
}

base::Result<VersionScan> ScanVersion(storage::Storage& storage, const codec::Secret& user_key,
                                      const KeySlotContext& context) {
    VersionScan scan;
    std::string folder = layout::KeySlotFolder(context.key_version);
    std::string our_name = FileSlotName(user_key);
    KeyId our_id = UserKeyId(user_key, context.repository_id);
    AGRI_ASSIGN(std::vector<std::string> names, storage.Children(folder));
    for (const std::string& name : names) {
        auto slot = ReadSlot(storage, folder + name);
        if (!slot && slot.error().code != base::ErrorCode::kCorrupt) return std::move(slot).error();
        if (!slot) {
            if (name == our_name) scan.damage = std::move(slot).error();
            continue;
        }
        if (slot->repository_id() != base::AsText(context.repository_id)) {
            if (name != our_name) continue;
            auto own = UnwrapKey(*slot, user_key, OwnContext(*slot, context), folder + name);
            if (!own) scan.damage = std::move(own).error();
            continue;
        }
        ++scan.slots;
        if (slot->kind() != format::KeySlot::FILE ||
            (name != our_name && slot->key_id() != base::AsText(our_id)))
            continue;
        auto key = UnwrapKey(*slot, user_key, context, folder + name);
        if (key)
            scan.key = std::move(*key);
        else
            scan.damage = std::move(key).error();
    }
    return scan;
}

base::Status RefuseForeignSlots(storage::Storage& storage, const std::string& our_name) {
    AGRI_ASSIGN(auto names, storage.Children(layout::KeySlotFolder(kFirstVersion)));
    if (names.empty() || std::find(names.begin(), names.end(), our_name) != names.end()) return {};
    return base::MakeError(base::ErrorCode::kConflict,
                           "{} holds key slots of another key, but no repository descriptor",
                           storage.Describe())
        .WithDetail("Another init is running there with another key, or was cut off.")
        .WithHint(
            "Run init again with that key. If no init is running and the key is gone, remove the "
            "folder \"keys\" and run init again.");
}

}  // namespace

base::Result<Keyring::First> Keyring::Create(storage::Storage& storage,
                                             const codec::Secret& user_key, base::Random& random,
                                             base::WallTime now) {
    std::string name = FileSlotName(user_key);
    AGRI_TRY(RefuseForeignSlots(storage, name));
    First first{.slot_key = layout::KeySlot(kFirstVersion, name)};
    random.Fill(first.repository_id);
    codec::Secret repository_key(codec::kKeyBytes);
    random.Fill(repository_key.mutable_view());
    AGRI_ASSIGN(format::KeySlot slot, WrapKey(user_key, repository_key,
                                              {first.repository_id, kFirstVersion}, random, now));
    AGRI_ASSIGN(auto outcome, storage.Put(first.slot_key, base::AsBytes(slot.SerializeAsString())));
    first.created = outcome == storage::PutOutcome::kCreated;
    if (first.created) return first;
    AGRI_ASSIGN(format::KeySlot present, ReadSlot(storage, first.slot_key));
    KeySlotContext context = OwnContext(present, {.key_version = kFirstVersion});
    AGRI_TRY(UnwrapKey(present, user_key, context, first.slot_key));
    first.repository_id = context.repository_id;
    AGRI_TRY(storage.EnsureDurable(first.slot_key));
    return first;
}

base::Result<Keyring> Keyring::Open(storage::Storage& storage, const codec::Secret& user_key,
                                    const RepositoryId& repository_id) {
    Keyring keyring;
    size_t all_slots = 0;
    AGRI_ASSIGN(auto versions, storage.Children(layout::KeySlotFolder()));
    for (const std::string& name : versions) {
        auto version = layout::ParseNumber(name, kVersionDigits);
        if (!version || *version == 0) continue;
        KeySlotContext context{repository_id, static_cast<uint32_t>(*version)};
        AGRI_ASSIGN(VersionScan scan, ScanVersion(storage, user_key, context));
        if (!scan.key && scan.damage) return std::move(*scan.damage);
        if (scan.key) keyring.keys_.emplace(context.key_version, std::move(*scan.key));
        all_slots += scan.slots;
        if (scan.slots > 0) keyring.slot_count_ = scan.slots;
    }
    if (!keyring.keys_.empty()) return keyring;
    if (all_slots == 0)
        return base::MakeError(base::ErrorCode::kCorrupt, "{} has no key slots of repository {}",
                               storage.Describe(), base::ToHex(repository_id))
            .WithHint(
                "Bring the folder \"keys\" back from a copy: without it nothing can be read.");
    const std::string slots =
        all_slots == 1 ? "the key slot" : fmt::format("any of the {} key slots", all_slots);
    return base::MakeError(base::ErrorCode::kAuthentication, "the key does not open {} of {}",
                           slots, storage.Describe())
        .WithHint("Use the key file that this repository was initialised with.");
}

const codec::Secret* Keyring::Find(uint32_t version) const {
    auto found = keys_.find(version);
    return found == keys_.end() ? nullptr : &found->second;
}

}  // namespace agri::repo
