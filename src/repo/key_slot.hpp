// One key slot: a repository key, wrapped so that only its user key opens it. The slot says which
// user key it wants, so that a wrong key and a damaged slot are different errors.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "codec/secret.hpp"
#include "repo/format.pb.h"
#include "repo/object.hpp"

namespace agri::repo {

using KeyId = std::array<std::byte, 8>;

// What a slot is bound to: moved to another version or repository it does not open.
struct KeySlotContext {
    RepositoryId repository_id{};
    uint32_t key_version = 0;
};

// Which user key a slot of this repository wants; says nothing about the key itself.
KeyId UserKeyId(const codec::Secret& user_key, const RepositoryId& repository_id);
// "file-<8 hex digits>": the same for one key in every repository, so that two inits with one key
// meet.
std::string FileSlotName(const codec::Secret& user_key);

// Wraps `repository_key` (32 bytes) under fresh randomness.
base::Result<format::KeySlot> WrapKey(const codec::Secret& user_key,
                                      const codec::Secret& repository_key,
                                      const KeySlotContext& context, base::Random& random,
                                      base::WallTime now);
// kCorrupt, naming the slot's object, when the slot is damaged or not one of `context`.
base::Result<codec::Secret> UnwrapKey(const format::KeySlot& slot, const codec::Secret& user_key,
                                      const KeySlotContext& context, std::string_view slot_name);
// Checks the fields' lengths; kCorrupt, naming the object. Nothing in it is authenticated by this.
base::Result<format::KeySlot> ParseKeySlot(base::ByteView bytes, std::string_view slot_name);

}  // namespace agri::repo
