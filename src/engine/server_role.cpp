#include "engine/server_role.hpp"

#include "base/file.hpp"
#include "base/json.hpp"
#include "engine/restore_layout.hpp"

namespace agri::engine {

namespace {

constexpr uint64_t kMaxRoleBytes = 64u << 10;

}  // namespace

base::Result<bool> IsClone(const std::string& data_directory) {
    AGRI_ASSIGN(
        const auto content,
        base::ReadFileIfPresent(fmt::format("{}/{}", data_directory, kRoleFile), kMaxRoleBytes));
    if (!content) return false;
    const nlohmann::json role = base::ParseJson(base::AsText(*content));
    return !role.is_object() || role.value("role", nlohmann::json()) == "clone";
}

base::Status CheckMayWrite(const std::string& data_directory) {
    AGRI_ASSIGN(const bool is_clone, IsClone(data_directory));
    if (!is_clone) return {};
    return base::MakeError(base::ErrorCode::kClusterState, "this server was restored as a clone")
        .WithDetail("A clone does not write into the repository of the server it is from.")
        .WithHint("Run \"agri_backup adopt\" if it shall be the one that writes.");
}

}  // namespace agri::engine
