// Checks of file entries and their order, and of page references. They protect restores: whoever
// can write a manifest must still not be able to place a file outside the restore's target.
#include "repo/manifest_checks.hpp"

#include <tuple>

#include "repo/pack_format.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;

namespace {

constexpr size_t kMaxPathBytes = 4095;        // PATH_MAX without its NUL
constexpr size_t kMaxPartBytes = 255;         // NAME_MAX
constexpr size_t kMaxNameBytes = 255;         // of owners, groups and xattrs (XATTR_NAME_MAX)
constexpr size_t kMaxXattrBytes = 64u << 10;  // XATTR_SIZE_MAX

bool HasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

bool IsName(std::string_view text) { return text.size() <= kMaxNameBytes && !HasNul(text); }

std::tuple<uint32_t, std::string_view> KeyOf(const format::FilePageRef& ref) {
    return {ref.first_root(), ref.first_path()};
}

base::Status CheckXattrs(const format::FileEntry& entry) {
    for (const auto& xattr : entry.xattrs())
        if (xattr.name().empty() || !IsName(xattr.name()) || xattr.value().size() > kMaxXattrBytes)
            return MakeError(ErrorCode::kCorrupt, "file {} has an impossible extended attribute",
                             QuotePath(entry.path()));
    return {};
}

// What kinds of content an entry of its type has, and at most one of them.
bool HasFittingContent(const format::FileEntry& entry) {
    const std::string& target = entry.link_target();
    const int kinds = (entry.extents().empty() ? 0 : 1) + (entry.leaves().empty() ? 0 : 1) +
                      (entry.inline_content().empty() ? 0 : 1);
    switch (entry.type()) {
        case format::REGULAR:
            return target.empty() && kinds <= 1 &&
                   entry.inline_content().size() <= kMaxInlineBytes &&
                   (entry.inline_content().empty() ||
                    entry.size() == entry.inline_content().size());
        case format::SYMLINK:
            return !target.empty() && target.size() <= kMaxPathBytes && !HasNul(target) &&
                   kinds == 0 && entry.size() == 0 && !entry.written_last();
        case format::DIRECTORY:
            return target.empty() && kinds == 0 && entry.size() == 0 && !entry.written_last();
        default:
            return false;
    }
}

}  // namespace

std::string QuotePath(std::string_view path) {
    std::string quoted = "\"";
    for (const char character : path) {
        const auto byte = static_cast<unsigned char>(character);
        if (byte < 0x20 || byte > 0x7e || byte == '"' || byte == '\\')
            quoted += fmt::format("\\x{:02x}", byte);
        else
            quoted += character;
    }
    return quoted + '"';
}

bool IsSafeRelativePath(std::string_view path) {
    if (path.size() > kMaxPathBytes || HasNul(path)) return false;
    while (true) {
        const size_t end = path.find('/');
        const std::string_view part = path.substr(0, end);
        if (part.empty() || part.size() > kMaxPartBytes || part == "." || part == "..")
            return false;
        if (end == std::string_view::npos) return true;
        path.remove_prefix(end + 1);
    }
}

base::Status CheckFileEntry(const format::FileEntry& entry) {
    const std::string& path = entry.path();
    if (!path.empty() && !IsSafeRelativePath(path))
        return MakeError(ErrorCode::kCorrupt, "{} is no path below a file root", QuotePath(path));
    if (path.empty() && entry.type() == format::SYMLINK)
        return MakeError(ErrorCode::kCorrupt, "file root {} is a symbolic link", entry.root());
    if (!HasFittingContent(entry))
        return MakeError(ErrorCode::kCorrupt, "the content of file {} does not fit its type",
                         QuotePath(path));
    if ((entry.mode() & ~07777u) != 0 || !IsName(entry.owner()) || !IsName(entry.group()))
        return MakeError(ErrorCode::kCorrupt, "file {} has an impossible mode or owner",
                         QuotePath(path));
    return CheckXattrs(entry);
}

base::Status FileOrder::Next(const format::FileEntry& entry) {
    const std::string& path = entry.path();
    const bool is_new_root = !has_previous_ || entry.root() != root_;
    if (has_previous_ && (entry.root() < root_ || (!is_new_root && path <= path_)))
        return MakeError(ErrorCode::kCorrupt, "files {} and {} are out of order", QuotePath(path_),
                         QuotePath(path));
    if (is_new_root) {
        files_above_.clear();
        root_is_file_ = path.empty() && entry.type() != format::DIRECTORY;
    } else if (root_is_file_) {
        return MakeError(ErrorCode::kCorrupt, "file {} stands below a root that is a file",
                         QuotePath(path));
    }
    // In sorted order, what is no prefix of this path is none of a later one's either.
    while (!files_above_.empty() &&
           !path.starts_with(std::string_view(path_).substr(0, files_above_.back())))
        files_above_.pop_back();
    for (const size_t length : files_above_)
        if (path[length] == '/')
            return MakeError(ErrorCode::kCorrupt, "file {} stands below one that is no directory",
                             QuotePath(path));
    if (entry.type() != format::DIRECTORY && !path.empty()) files_above_.push_back(path.size());
    has_previous_ = true;
    root_ = entry.root();
    path_ = path;
    return {};
}

base::Status CheckFilePageRef(const format::FilePageRef* previous, const format::FilePageRef& ref) {
    if (ref.files() == 0) return MakeError(ErrorCode::kCorrupt, "a page of no files is listed");
    if (!ref.first_path().empty() && !IsSafeRelativePath(ref.first_path()))
        return MakeError(ErrorCode::kCorrupt, "{} is no path below a file root",
                         QuotePath(ref.first_path()));
    if (previous != nullptr && KeyOf(*previous) >= KeyOf(ref))
        return MakeError(ErrorCode::kCorrupt, "the pages before and from file {} are out of order",
                         QuotePath(ref.first_path()));
    AGRI_TRY(ResolvePage(ref));
    return {};
}

base::Result<StoredChunk> ResolvePage(const format::FilePageRef& ref) {
    google::protobuf::RepeatedPtrField<std::string> pack_ids;
    *pack_ids.Add() = ref.pack_id();
    format::ChunkRef chunk = ref.chunk();
    chunk.set_pack(0);
    return ResolveChunk(pack_ids, chunk);
}

base::Result<format::ManifestPart> ParseManifestPart(base::ByteView plain) {
    format::ManifestPart part;
    if (!part.ParseFromArray(plain.data(), static_cast<int>(plain.size())))
        return MakeError(ErrorCode::kCorrupt, "a frame is not a ManifestPart message");
    for (const auto& pack : part.packs()) AGRI_TRY(CheckPackRef(pack));
    return part;
}

}  // namespace agri::repo
