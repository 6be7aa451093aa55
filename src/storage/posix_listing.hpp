// Listing folders in the order of full keys. Holds the names of one folder at a time, and of those
// that lead to it, however many objects there are.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/posix_root.hpp"
#include "storage/storage.hpp"

namespace agri::storage {

// What stands in an open folder: names of objects, and of folders with a slash appended, sorted.
// With the slash, bytewise order of names is the order of full keys ("a-b" < "a.b" < "a/x" < "a0").
// Names that cannot be part of a key are left out: the temporary folder, NFS's ".nfs…",
// "lost+found".
base::Result<std::vector<std::string>> ReadFolder(const PosixRoot& root, int folder_fd,
                                                  std::string_view folder);

// Every name in an open folder whatever it is, unsorted, without "." and "..".
base::Result<std::vector<std::string>> ReadNames(const PosixRoot& root, int folder_fd,
                                                 std::string_view folder);

// Visits every object below the folder `prefix` ("" or "a/b/"); see Storage::List.
base::Status ListObjects(const PosixRoot& root, std::string_view prefix,
                         const std::function<base::Status(const ObjectInfo&)>& visit);

}  // namespace agri::storage
