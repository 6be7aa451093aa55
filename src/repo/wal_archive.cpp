// Puts WAL files and reads them back. An object begins with its index, so everything that listings,
// recovery targets and the comparison of two files of one name need comes with its first few KiB.
#include "repo/wal_archive.hpp"

#include "repo/readable_message.hpp"
#include "repo/wal_index.hpp"

namespace agri::repo {

using base::ByteView;
using base::ErrorCode;
using base::MakeError;

namespace {

// Small enough to send while the next one is compressed, large enough for zstd's window at level 1.
constexpr size_t kFrameBytes = 1u << 20;
constexpr uint64_t kMaxHistoryBytes = 16u << 20;

uint64_t SegmentSize(const Incarnation& incarnation) {
    return incarnation.info().wal_segment_size();
}

base::Error NoIndex(std::string_view key) { return DamagedObject(key, "it has no WAL file in it"); }

// A WAL object, its index already read and checked.
struct OpenedWal {
    SealedReader reader;
    format::WalIndex index;
};

base::Result<OpenedWal> OpenWal(const Incarnation& incarnation, const base::WalFileName& file) {
    Repository& repository = incarnation.repository();
    const std::string key = incarnation.keys().Wal(file);
    AGRI_ASSIGN(SealedReader reader,
                SealedReader::Open(repository.storage(), repository, ObjectKind::kWal, key));
    AGRI_ASSIGN(const std::optional<ByteView> first, reader.Next());
    if (!first) return NoIndex(key);
    auto index = ParseWalIndex(*first, file, SegmentSize(incarnation));
    if (!index) return NameObject(std::move(index).error(), key);
    return OpenedWal{std::move(reader), std::move(*index)};
}

std::string DescribeOrigin(const format::WalIndex& index) {
    const base::WallTime archived{std::chrono::microseconds(index.archived_us())};
    return fmt::format("SHA-256 {}…, host \"{}\", {}",
                       base::ToHex(base::AsBytes(index.sha256()).first(8)), index.host(),
                       base::FormatTime(archived));
}

// What Put says when an object stands there already.
base::Result<WalPut> CompareWithArchived(const Incarnation& incarnation,
                                         const base::WalFileName& file,
                                         const format::WalIndex& ours) {
    auto there = OpenWal(incarnation, file);
    if (!there && there.error().code == ErrorCode::kNotFound)
        return MakeError(ErrorCode::kUnavailable,
                         "WAL file \"{}\" was removed from the archive while it was compared",
                         file.name);
    if (!there)
        return std::move(there).error().In(
            fmt::format("could not compare WAL file \"{}\" with the archived one", file.name));
    if (there->index.sha256() != ours.sha256() ||
        there->index.plain_length() != ours.plain_length())
        return DifferentContent(
            there->index,
            fmt::format("To be archived: {}. Nothing was overwritten.", DescribeOrigin(ours)));
    AGRI_TRY(incarnation.repository().storage().EnsureDurable(incarnation.keys().Wal(file)));
    return WalPut{storage::PutOutcome::kExists, 0, std::move(there->index)};
}

base::Status CheckSystem(const Incarnation& incarnation, const format::WalIndex& index) {
    const uint64_t expected = incarnation.info().system_identifier();
    if (index.system_identifier() == 0 || index.system_identifier() == expected) return {};
    return MakeError(ErrorCode::kConflict,
                     "WAL file \"{}\" belongs to system {}, but cluster \"{}\" is system {}",
                     index.name(), index.system_identifier(), incarnation.cluster(), expected)
        .WithHint("It was not archived. Check that this server uses its own cluster name.");
}

// The frames behind the index: all but the last one here, the last one published by Finish().
base::Result<storage::PutOutcome> AppendContent(SealedWriter& writer, ByteView content) {
    while (content.size() > kFrameBytes) {
        AGRI_TRY(writer.AppendFrame(content.first(kFrameBytes)));
        content = content.subspan(kFrameBytes);
    }
    return writer.Finish(content);
}

base::WalFileName HistoryName(base::TimelineId timeline) {
    return {base::WalFileKind::kHistory, timeline.ToString() + ".history", timeline, ""};
}

}  // namespace

base::Error DifferentContent(const format::WalIndex& there, std::string_view ours) {
    return MakeError(ErrorCode::kConflict, "WAL file \"{}\" is already archived with other content",
                     there.name())
        .WithDetail(fmt::format("In the archive: {}. {}", DescribeOrigin(there), ours))
        .WithHint(
            "Two servers write under one cluster name, or this one was restored or copied and "
            "repeats a timeline. \"agri_backup lineage\" shows who writes here and settles it; a "
            "clone needs a cluster name of its own.");
}

WalArchive::WalArchive(const Incarnation& incarnation) : incarnation_(&incarnation) {}

base::Result<WalPut> WalArchive::Put(format::WalIndex index, ByteView content,
                                     int compression_level, const base::Clock& clock) {
    const auto file = base::WalFileName::Parse(index.name());
    if (!file)
        return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no name of a WAL file",
                         index.name());
    AGRI_TRY(CheckSystem(*incarnation_, index));
    AGRI_TRY(CompleteWalIndex(*file, content, SegmentSize(*incarnation_), clock, index));
    // What stands there need not be compressed again to be compared; put-if-absent still decides
    // between writers that both find nothing.
    AGRI_ASSIGN(const bool is_there, Exists(*file));
    if (is_there) return CompareWithArchived(*incarnation_, *file, index);
    AGRI_ASSIGN(const std::string first_frame,
                SerializeReadably(index, "the index of the WAL file"));
    Repository& repository = incarnation_->repository();
    const std::string key = incarnation_->keys().Wal(*file);
    AGRI_ASSIGN(SealedWriter writer,
                SealedWriter::Create(repository.storage(), repository, ObjectKind::kWal, key,
                                     compression_level));
    AGRI_TRY(writer.AppendFrame(base::AsBytes(first_frame)));
    AGRI_ASSIGN(const storage::PutOutcome outcome, AppendContent(writer, content));
    if (outcome == storage::PutOutcome::kExists)
        return CompareWithArchived(*incarnation_, *file, index);
    return WalPut{outcome, writer.stored_bytes(), std::move(index)};
}

base::Result<bool> WalArchive::Confirm(format::WalIndex index, ByteView content,
                                       const base::Clock& clock) const {
    const auto file = base::WalFileName::Parse(index.name());
    if (!file)
        return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no name of a WAL file",
                         index.name());
    AGRI_ASSIGN(const bool is_there, Exists(*file));
    if (!is_there) return false;
    AGRI_TRY(CompleteWalIndex(*file, content, SegmentSize(*incarnation_), clock, index));
    AGRI_TRY(CompareWithArchived(*incarnation_, *file, index));
    return true;
}

base::Result<format::WalIndex> WalArchive::ReadIndex(const base::WalFileName& file) const {
    AGRI_ASSIGN(OpenedWal wal, OpenWal(*incarnation_, file));
    return std::move(wal.index);
}

base::Result<bool> WalArchive::Exists(const base::WalFileName& file) const {
    AGRI_ASSIGN(const std::optional<uint64_t> size,
                incarnation_->repository().storage().Stat(incarnation_->keys().Wal(file)));
    return size.has_value();
}

base::Result<format::WalIndex> WalArchive::Read(
    const base::WalFileName& file, const std::function<base::Status(ByteView)>& sink) const {
    AGRI_ASSIGN(OpenedWal wal, OpenWal(*incarnation_, file));
    const std::string key = incarnation_->keys().Wal(file);
    codec::Sha256Stream digest;
    uint64_t length = 0;
    while (true) {
        AGRI_ASSIGN(const std::optional<ByteView> frame, wal.reader.Next());
        if (!frame) break;
        length += frame->size();
        if (length > wal.index.plain_length())
            return DamagedObject(key, "it is longer than its index says");
        digest.Update(*frame);
        AGRI_TRY(sink(*frame));
    }
    if (length != wal.index.plain_length())
        return DamagedObject(key, "it is shorter than its index says");
    if (base::AsText(digest.Finish()) != wal.index.sha256())
        return DamagedObject(key, "its content has another SHA-256 than its index says");
    return std::move(wal.index);
}

base::Result<std::string> WalArchive::ReadHistory(base::TimelineId timeline) const {
    const base::WalFileName file = HistoryName(timeline);
    std::string text;
    const auto append = [&](ByteView part) -> base::Status {
        if (text.size() + part.size() > kMaxHistoryBytes)
            return DamagedObject(incarnation_->keys().Wal(file),
                                 "it is too long for a history file");
        text.append(base::AsText(part));
        return {};
    };
    AGRI_TRY(Read(file, append));
    return text;
}

}  // namespace agri::repo
