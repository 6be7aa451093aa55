// Repository keys and the slots that wrap them. A key never leaves Secret memory; slots say which
// key they want (key id) so that a wrong key and a damaged slot are different errors.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "codec/secret.hpp"
#include "repo/object.hpp"
#include "repo/user_key.hpp"
#include "storage/storage.hpp"

namespace agri::repo {

class Keyring {
   public:
    // What Create put or found.
    struct First {
        RepositoryId repository_id{};
        std::string slot_key;  // "keys/00000001/<slot>"
        bool created = false;  // by this call
    };
    // Makes sure that keys/00000001/ holds a slot of `user_key` that wraps a fresh repository key
    // of a fresh repository id; durable on return. A slot that an earlier init left behind is taken
    // up, so that inits with one key agree on the id, however they race or are cut off. kConflict
    // when there are slots of other keys only.
    static base::Result<First> Create(storage::Storage& storage, const codec::Secret& user_key,
                                      base::Random& random, base::WallTime now);
    // Unwraps every version that `user_key` opens. kAuthentication when it opens none, kCorrupt
    // when a version's only slot for it is damaged.
    static base::Result<Keyring> Open(storage::Storage& storage, const codec::Secret& user_key,
                                      const RepositoryId& repository_id);
    // Null when that version is unknown.
    const codec::Secret* Find(uint32_t version) const;
    // The newest version that the key opened: new objects are sealed with it.
    uint32_t current_version() const { return keys_.empty() ? 0 : keys_.rbegin()->first; }
    // Slots of any kind that the newest version in the repository has.
    size_t slot_count() const { return slot_count_; }

   private:
    std::map<uint32_t, codec::Secret> keys_;
    size_t slot_count_ = 0;
};

}  // namespace agri::repo
