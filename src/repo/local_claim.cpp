// The local side of a claim: agri_backup/claim in the data directory, which backups leave out. A
// claim that is being put stands beside it as claim.next, so that a crash between the repository
// and this file does not lock the server out of its own claim.
#include "repo/local_claim.hpp"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/file.hpp"
#include "codec/digest.hpp"

namespace agri::repo {

namespace {

constexpr std::string_view kClaimMagic = "agri_backup claim 1\n";
constexpr uint64_t kMaxFileBytes = 64u << 10;

std::string PathOf(const std::string& data_directory, std::string_view name) {
    return fmt::format("{}/agri_backup/{}", data_directory, name);
}

base::Error DamagedClaim(const std::string& path) {
    return base::MakeError(base::ErrorCode::kCorrupt, "local writer claim \"{}\" is damaged", path)
        .WithHint(
            "If this server is the one that shall write to the repository, remove the file and run "
            "\"agri_backup adopt\".");
}

base::Result<std::optional<format::WriterClaim>> Load(const std::string& path) {
    AGRI_ASSIGN(const auto content, base::ReadFileIfPresent(path, kMaxFileBytes));
    if (!content) return std::nullopt;
    base::ByteView bytes = *content;
    constexpr size_t kHeaderBytes = kClaimMagic.size() + sizeof(codec::Sha256Digest);
    if (bytes.size() < kHeaderBytes || base::AsText(bytes.first(kClaimMagic.size())) != kClaimMagic)
        return DamagedClaim(path);
    base::ByteView message = bytes.subspan(kHeaderBytes);
    codec::Sha256Digest digest = codec::Sha256(message);
    format::WriterClaim claim;
    if (!std::equal(digest.begin(), digest.end(), bytes.begin() + kClaimMagic.size()) ||
        !claim.ParseFromArray(message.data(), static_cast<int>(message.size())))
        return DamagedClaim(path);
    return claim;
}

base::Status Save(const std::string& data_directory, std::string_view name,
                  const format::WriterClaim& claim) {
    AGRI_TRY(base::CreateDirectories(data_directory + "/agri_backup"));
    std::string content = EncodeLocalClaim(claim);
    return base::ReplaceFile(PathOf(data_directory, name), base::AsBytes(content), 0600);
}

}  // namespace

std::string EncodeLocalClaim(const format::WriterClaim& claim) {
    std::string message = claim.SerializeAsString();
    codec::Sha256Digest digest = codec::Sha256(base::AsBytes(message));
    return std::string(kClaimMagic).append(base::AsText(digest)).append(message);
}

base::Result<std::optional<format::WriterClaim>> LoadLocalClaim(const std::string& data_directory) {
    return Load(PathOf(data_directory, "claim"));
}

base::Status SaveLocalClaim(const std::string& data_directory, const format::WriterClaim& claim) {
    return Save(data_directory, "claim", claim);
}

base::Result<std::optional<format::WriterClaim>> LoadPendingClaim(
    const std::string& data_directory) {
    return Load(PathOf(data_directory, "claim.next"));
}

base::Status SavePendingClaim(const std::string& data_directory, const format::WriterClaim& claim) {
    return Save(data_directory, "claim.next", claim);
}

base::Status RemovePendingClaim(const std::string& data_directory) {
    std::string path = PathOf(data_directory, "claim.next");
    if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return base::ErrnoError(errno, fmt::format("could not remove file \"{}\"", path));
}

}  // namespace agri::repo
