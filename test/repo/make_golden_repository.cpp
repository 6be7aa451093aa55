// make_golden_repository OUTDIR -- writes OUTDIR/{encrypted,plain}, each a repository of what
// golden_repository.hpp says, and OUTDIR/main.key. Run once for a format version; the output is
// checked in and never changes again. Not built by the Makefile: compile it with -Isrc -Itest
// -Ibuild/gen and link the archives up to librepo.a.
#include <filesystem>
#include <iostream>
#include <map>

#include "repo/catalog.hpp"
#include "repo/golden_repository.hpp"
#include "repo/wal_archive.hpp"

namespace agri::test::golden {
namespace {

template <class T>
T Must(base::Result<T> result) {
    if (!result) throw std::runtime_error(result.error().ToString());
    return std::move(*result);
}
void Must(const base::Status& status) {
    if (!status) throw std::runtime_error(status.error().ToString());
}

// Writes a backup; an incremental takes over the first leaf and unchanged chunks of `parent`.
class BackupMaker {
   public:
    BackupMaker(const repo::Incarnation& incarnation, std::string_view backup)
        : incarnation_(incarnation), backup_(backup), packs_(incarnation, Options()) {}

    void Make(const repo::ManifestReader* parent) {
        repo::ManifestWriter writer(incarnation_, packs_);
        if (parent != nullptr) TakeOver(*parent);
        for (const File& file : FilesOf(backup_)) Add(file, writer);
        repo::format::PageFailure failure;
        failure.set_path("base/5/1259");
        failure.set_block(3);
        writer.AddPageFailure(failure);
        Must(writer.FinishFiles());
        Must(packs_.Finish());
        Must(writer.Commit(HeaderOf(backup_), refs_));
    }

   private:
    repo::PackWriterOptions Options() {
        repo::PackWriterOptions options;
        options.backup_id = backup_;
        options.digest_seed = kDigestSeed;
        options.on_pack = [this](repo::format::PackRef ref) { refs_.push_back(std::move(ref)); };
        return options;
    }
    void TakeOver(const repo::ManifestReader& parent) {
        for (const repo::PackId& id : parent.packs().packs())
            refs_.push_back(*parent.packs().Find(id));
        repo::ChunkReader reader(parent.packs(), kDigestSeed);
        Must(parent.ForEachFile([&](const repo::ManifestReader::FileRun& run) -> base::Status {
            for (const auto& extent : run.extents) {
                if (!extent.chunk) continue;
                AGRI_ASSIGN(const base::ByteView plain, reader.Read(*extent.chunk));
                chunks_[std::string(base::AsText(plain))] = *extent.chunk;
            }
            if (run.leaf != nullptr && run.first_offset == 0) {
                leaf_ = *run.leaf;
                leaf_extents_ = run.extents;
            }
            return {};
        }));
    }
    void Add(const File& file, repo::ManifestWriter& writer) {
        Must(writer.BeginFile(file.entry));
        size_t next = 0;
        if (leaf_ && file.pieces.size() > leaf_extents_.size()) {
            Must(writer.AddLeaf(*leaf_, leaf_extents_));
            next = leaf_extents_.size();
        }
        for (; next < file.pieces.size(); ++next) {
            const Piece& piece = file.pieces[next];
            repo::ManifestWriter::FileExtent extent{.length = piece.zeros};
            if (!piece.data.empty()) {
                extent.length = piece.data.size();
                extent.chunk = Chunk(file, piece.data);
            }
            Must(writer.AddExtent(extent));
        }
        Must(writer.EndFile());
    }
    repo::StoredChunk Chunk(const File& file, const std::string& data) {
        const auto [place, is_new] = chunks_.try_emplace(data);
        const auto length = static_cast<uint32_t>(data.size());
        if (is_new)
            place->second = Must(packs_.Append(
                base::AsBytes(data), {{file.entry.root(), file.entry.path(), 0, 0, length}}));
        return place->second;
    }

    const repo::Incarnation& incarnation_;
    const std::string backup_;
    std::vector<repo::format::PackRef> refs_;
    repo::PackWriter packs_;
    std::map<std::string, repo::StoredChunk> chunks_;
    std::optional<repo::StoredChunk> leaf_;
    std::vector<repo::ManifestWriter::FileExtent> leaf_extents_;
};

void MakeWal(const repo::Incarnation& incarnation) {
    repo::WalArchive archive(incarnation);
    const auto put = [&](std::string_view name, base::ByteView content) {
        repo::format::WalIndex index;
        index.set_name(std::string(name));
        index.set_system_identifier(kIdentity.system_identifier);
        index.set_host("db1");
        index.set_commits(17);
        Must(archive.Put(std::move(index), content, 3, base::SystemClock()));
    };
    for (const std::string_view name : {kSegment, kPartial, kBackupHistory})
        put(name, WalContent(name));
    put("00000002.history", base::AsBytes(kHistoryText));
    repo::format::DeclaredGap gap;
    gap.set_timeline(1);
    gap.set_from_lsn(0x100000);
    gap.set_to_lsn(0x300000);
    gap.set_reason("golden");
    Must(archive.DeclareGap(gap));
}

void MakeRepository(const std::string& folder, const std::string& key) {
    repo::RepositoryOptions options;
    options.uri = "file://" + folder;
    options.encryption_off = key.empty();
    if (!key.empty()) options.key_uri = "file://" + key;
    bool created = false;
    auto repository = Must(repo::Repository::Init(Must(storage::CreateStorage(options.uri)),
                                                  options, base::SystemRandom(), created));
    const auto incarnation = Must(repo::Incarnation::Register(*repository, std::string(kCluster),
                                                              kIdentity, base::SystemClock()));
    BackupMaker(incarnation, kFull).Make(nullptr);
    const auto full = Must(repo::ManifestReader::Open(incarnation, kFull));
    BackupMaker(incarnation, kIncremental).Make(&full);
    repo::format::Tombstone tombstone;
    tombstone.set_backup_id(std::string(kGivenUp));
    tombstone.set_host("db2");
    Must(repo::PutTombstone(incarnation, tombstone));
    BackupMaker(incarnation, kExpired).Make(nullptr);
    tombstone.set_backup_id(std::string(kExpired));
    Must(repo::PutExpired(incarnation, tombstone));
    repo::format::BackupIntent intent;
    intent.set_backup_id(std::string(kUnderWay));
    intent.set_host("db1");
    Must(repo::PutIntent(incarnation, intent));
    MakeWal(incarnation);
}

}  // namespace
}  // namespace agri::test::golden

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const std::string folder = std::filesystem::absolute(argv[1]);
    std::filesystem::create_directories(folder);
    const std::string key = folder + "/main.key";
    try {
        using namespace agri;
        test::golden::Must(repo::CreateUserKeyFile(key, base::SystemRandom()));
        test::golden::MakeRepository(folder + "/encrypted", key);
        test::golden::MakeRepository(folder + "/plain", "");
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
    return 0;
}
