// The repository's descriptor, agri_backup.repository: plain JSON, the first thing a reader sees
// and the last thing init writes. It is not authenticated: every object's header repeats what it
// says.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "repo/object.hpp"

namespace agri::repo {

inline constexpr uint32_t kRepositoryFormat = 1;
inline constexpr uint64_t kMaxDescriptorBytes = 64u << 10;

struct Descriptor {
    RepositoryId repository_id{};
    codec::SealingMethod sealing = codec::SealingMethod::kAes256Gcm;
    base::WallTime created;  // only shown

    std::string Serialize() const;
    // `where` names the repository in errors. kUnsupported for a greater format (whatever else the
    // text holds), kCorrupt for anything but exactly the members of format 1.
    static base::Result<Descriptor> Parse(std::string_view json, std::string_view where);
};

}  // namespace agri::repo
