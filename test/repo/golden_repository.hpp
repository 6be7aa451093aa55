// What the golden repositories in data/golden-v1/ hold: make_golden_repository.cpp wrote them once
// from this, and golden_repository_test.cpp compares. A change here needs a new format version and
// folder.
#pragma once

#include <string>
#include <vector>

#include "repo/manifest.hpp"

namespace agri::test::golden {

inline constexpr std::string_view kCluster = "golden";
inline constexpr repo::ClusterIdentity kIdentity{7300000000000000001u, 15, 1u << 20};
inline constexpr uint64_t kDigestSeed = 0x0123456789abcdef;
inline constexpr std::string_view kFull = "20261122T203501Z-full-0001";
inline constexpr std::string_view kIncremental = "20261123T203501Z-incremental-0002";
inline constexpr std::string_view kExpired = "20261121T203501Z-full-0000";
inline constexpr std::string_view kGivenUp = "20261124T203501Z-full-0003";
inline constexpr std::string_view kUnderWay = "20261125T203501Z-full-0004";
inline constexpr std::string_view kSegment = "000000010000000000000003";
inline constexpr std::string_view kPartial = "000000010000000000000004.partial";
inline constexpr std::string_view kBackupHistory = "000000010000000000000003.00000028.backup";
inline constexpr std::string_view kHistoryText = "1\t0/400000\tno recovery target specified\n";

// A part of a file: these bytes as a chunk, or so many zeros.
struct Piece {
    std::string data;
    uint64_t zeros = 0;
};

struct File {
    repo::format::FileEntry entry;  // without size
    std::vector<Piece> pieces;

    std::string Content() const {
        std::string content = entry.inline_content();
        for (const Piece& piece : pieces) content += piece.data + std::string(piece.zeros, '\0');
        return content;
    }
};

inline File MakeFile(uint32_t root, const std::string& path, repo::format::FileType type,
                     std::vector<Piece> pieces = {}) {
    File file;
    file.entry.set_root(root);
    file.entry.set_path(path);
    file.entry.set_type(type);
    file.entry.set_mode(type == repo::format::DIRECTORY ? 0700 : 0600);
    file.entry.set_uid(26);
    file.entry.set_gid(27);
    file.entry.set_owner("postgres");
    file.entry.set_group("dba");
    file.entry.set_mtime_ns(1795466101123456789);
    file.pieces = std::move(pieces);
    return file;
}

// In the order of a manifest.
inline std::vector<File> FilesOf(std::string_view backup) {
    using namespace repo::format;
    const bool is_full = backup != kIncremental;
    std::vector<File> files;
    files.push_back(MakeFile(0, "", DIRECTORY));
    files.push_back(MakeFile(0, "PG_VERSION", REGULAR));
    files.back().entry.set_inline_content("15\n");
    files.push_back(MakeFile(0, "base/5/1259", REGULAR,
                             {{.data = std::string(8192, 'a')},
                              {.zeros = 16384},
                              {.data = std::string(8192, is_full ? 'b' : 'c')}}));
    files.back().entry.set_crc32c(0xcafef00d);
    files.back().entry.set_has_crc32c(true);
    files.push_back(MakeFile(0, "base/5/empty", REGULAR));
    // More extents than an entry holds: two leaves, of which the incremental rewrites the second.
    File large = MakeFile(0, "base/5/large", REGULAR);
    for (int i = 0; i < 2500; ++i)
        large.pieces.push_back(i % 2 == 0 ? Piece{.zeros = 8} : Piece{.data = "leaves!"});
    if (!is_full) large.pieces.back() = {.data = "changed"};
    files.push_back(large);
    files.push_back(MakeFile(0, "global/pg_control", REGULAR, {{.data = std::string(512, 'p')}}));
    files.back().entry.set_written_last(true);
    files.push_back(MakeFile(0, "pg_tblspc/16400", SYMLINK));
    files.back().entry.set_link_target("/srv/ts");
    files.push_back(MakeFile(3, "name with \xff\n in it", REGULAR, {{.data = "x"}}));
    auto* xattr = files.back().entry.add_xattrs();
    xattr->set_name("user.note");
    xattr->set_value(std::string("\0v", 2));
    for (File& file : files)
        if (file.entry.type() == REGULAR) file.entry.set_size(file.Content().size());
    return files;
}

inline repo::format::ManifestHeader HeaderOf(std::string_view backup) {
    using namespace repo::format;
    const bool is_full = backup != kIncremental;
    ManifestHeader header;
    header.set_format_version(1);
    header.set_backup_id(std::string(backup));
    header.set_kind(is_full ? ManifestHeader::FULL : ManifestHeader::INCREMENTAL);
    header.set_label("golden");
    header.set_cluster(std::string(kCluster));
    header.set_incarnation(1);
    header.set_system_identifier(kIdentity.system_identifier);
    header.set_server_version_num(150018);
    header.set_block_size(8192);
    header.set_wal_block_size(8192);
    header.set_wal_segment_size(kIdentity.wal_segment_size);
    header.set_timeline(1);
    header.set_stop_timeline(1);
    header.set_start_lsn(is_full ? 0x300028 : 0x310028);
    header.set_stop_lsn(is_full ? 0x300100 : 0x310100);
    header.set_backup_label("START WAL LOCATION: 0/300028\n");
    header.set_digest_seed(kDigestSeed);
    if (!is_full) header.add_parents(std::string(kFull));
    for (const uint32_t id : {0, 3}) {
        auto* root = header.add_roots();
        root->set_id(id);
        root->set_kind(id == 0 ? FileRoot::DATA : FileRoot::TABLESPACE);
        root->set_path(id == 0 ? "/var/lib/postgresql/15/main" : "/srv/ts");
    }
    header.mutable_statistics()->set_files(8);
    return header;
}

// A segment's worth of bytes that compress well.
inline base::Bytes WalContent(std::string_view name) {
    base::Bytes content(name == kBackupHistory ? 250 : kIdentity.wal_segment_size);
    for (size_t i = 0; i < content.size(); ++i)
        content[i] = static_cast<std::byte>(i % 251 + name.size());
    return content;
}

}  // namespace agri::test::golden
