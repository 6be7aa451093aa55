// A bounded set of opaque handles.
#include "storage/durable_folders.hpp"

#include <cstring>

namespace agri::storage {

namespace {

// Far above the folders a repository writes to at one time; when it is full, it starts anew.
constexpr size_t kMaxKnown = 4096;

}  // namespace

std::string DurableFolders::IdentityOf(const PosixCalls& calls, int folder_fd) {
    alignas(file_handle) char buffer[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
    auto* handle = reinterpret_cast<file_handle*>(buffer);
    handle->handle_bytes = MAX_HANDLE_SZ;
    int mount_id = 0;
    if (calls.name_to_handle_at(folder_fd, "", handle, &mount_id, AT_EMPTY_PATH) != 0) return {};
    // All folders lie below one root, and a folder on another mount cannot be published into.
    return std::string(buffer, sizeof(file_handle) + handle->handle_bytes);
}

bool DurableFolders::Contains(const std::string& identity) const {
    std::lock_guard lock(mutex_);
    return !identity.empty() && known_.contains(identity);
}

void DurableFolders::Insert(std::vector<std::string> identities) {
    std::lock_guard lock(mutex_);
    if (known_.size() + identities.size() > kMaxKnown) known_.clear();
    for (std::string& identity : identities)
        if (!identity.empty()) known_.insert(std::move(identity));
}

}  // namespace agri::storage
