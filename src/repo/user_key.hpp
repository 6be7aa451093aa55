// The user's key file: the one secret that a restore needs besides the repository. Its content
// never leaves Secret memory and stands in no message.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/random.hpp"
#include "codec/secret.hpp"

namespace agri::repo {

// Reads the user's key ("file:///etc/agri_backup/main.key"): one line "agri_backup-key-1:" and 64
// hex digits. kConfiguration when missing, malformed, or open to more than 0640 (links are followed
// and what they lead to is judged); kUnsupported for another scheme or a newer kind of key.
base::Result<codec::Secret> LoadUserKey(std::string_view uri);
base::Result<codec::Secret> LoadUserKeyFile(const std::string& path);
// The path of a key's place as a person gives it: a path, or the setting's file URI.
base::Result<std::string> PathOfKey(const std::string& place);
// `agri_backup key create FILE`: a new random key, mode 0600, durable, never over an existing file,
// and not inside a data directory or a repository.
base::Status CreateUserKeyFile(const std::string& path, base::Random& random);
// Refuses (kConfiguration) a key whose real path lies inside the data directory or inside the
// repository folder, also by way of links and bind mounts. An empty data directory is none.
base::Status CheckKeyLocation(std::string_view key_uri, std::string_view data_directory,
                              std::string_view repository_uri);

// Whether a user with that group could read the key's file, by its owner and mode. False where it
// cannot be told.
bool IsKeyReadableBy(std::string_view key_uri, uid_t user, gid_t group);

}  // namespace agri::repo
