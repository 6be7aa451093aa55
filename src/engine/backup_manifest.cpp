#include "engine/backup_manifest.hpp"

#include <algorithm>
#include <array>
#include <ctime>

#include "wal/history_file.hpp"

namespace agri::engine {

using base::Lsn;
using base::Status;
using base::TimelineId;

namespace {

constexpr size_t kBufferBytes = 256 << 10;
constexpr uint32_t kFirstWithSystemIdentifier = 170000;

// Well-formed UTF-8 (RFC 3629): anything else goes into "Encoded-Path".
bool IsUtf8(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
        const auto lead = static_cast<unsigned char>(text[i]);
        const size_t length = lead < 0x80   ? 1
                              : lead < 0xc2 ? 0
                              : lead < 0xe0 ? 2
                              : lead < 0xf0 ? 3
                              : lead < 0xf5 ? 4
                                            : 0;
        if (length == 0 || i + length > text.size()) return false;
        for (size_t k = 1; k < length; ++k)
            if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return false;
        const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
        if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
            (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
            return false;
        i += length;
    }
    return true;
}

// As escape_json() writes it.
std::string JsonString(std::string_view text) {
    std::string quoted = "\"";
    for (char c : text) {
        switch (c) {
            case '"':
            case '\\':
                quoted += '\\';
                quoted += c;
                break;
            case '\n':
                quoted += "\\n";
                break;
            case '\t':
                quoted += "\\t";
                break;
            case '\r':
                quoted += "\\r";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20)
                    quoted += fmt::format("\\u{:04x}", static_cast<int>(c));
                else
                    quoted += c;
        }
    }
    return quoted + "\"";
}

std::string FormatGmt(int64_t time_ns) {
    const std::time_t seconds = time_ns / base::kNanosecondsPerSecond;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    const size_t length = std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S GMT", &parts);
    return std::string(text, length);
}

// The bytes as PostgreSQL stores them: the value in native order.
std::string CrcHex(uint32_t crc) {
    std::array<std::byte, 4> bytes;
    base::StoreLe(bytes.data(), crc);
    return base::ToHex(bytes);
}

}  // namespace

BackupManifestWriter::BackupManifestWriter(int fd, std::string path,
                                           const repo::format::ManifestHeader& backup)
    : fd_(fd),
      path_(std::move(path)),
      system_identifier_(backup.system_identifier()),
      has_system_identifier_(backup.server_version_num() >= kFirstWithSystemIdentifier) {}

Status BackupManifestWriter::Begin() {
    is_first_ = false;
    AGRI_TRY(Append(fmt::format("{{ \"PostgreSQL-Backup-Manifest-Version\": {},\n",
                                has_system_identifier_ ? 2 : 1)));
    if (has_system_identifier_)
        AGRI_TRY(Append(fmt::format("\"System-Identifier\": {},\n", system_identifier_)));
    return Append("\"Files\": [");
}

Status BackupManifestWriter::AddFile(const ManifestLine& line) {
    const bool was_first = is_first_;
    if (is_first_) AGRI_TRY(Begin());
    std::string text = was_first ? "\n" : ",\n";
    text += IsUtf8(line.path) ? fmt::format("{{ \"Path\": {}, ", JsonString(line.path))
                              : fmt::format("{{ \"Encoded-Path\": \"{}\", ",
                                            base::ToHex(base::AsBytes(line.path)));
    text +=
        fmt::format("\"Size\": {}, \"Last-Modified\": \"{}\"", line.size, FormatGmt(line.mtime_ns));
    if (line.crc32c)
        text += fmt::format(", \"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"{}\"",
                            CrcHex(*line.crc32c));
    return Append(text + " }");
}

Status BackupManifestWriter::Finish(const std::vector<TimelineStep>& wal_ranges) {
    if (is_first_) AGRI_TRY(Begin());
    std::string text = "\n],\n\"WAL-Ranges\": [\n";
    for (size_t i = 0; i < wal_ranges.size(); ++i)
        text += fmt::format("{}{{ \"Timeline\": {}, \"Start-LSN\": \"{}\", \"End-LSN\": \"{}\" }}",
                            i == 0 ? "" : ",\n", wal_ranges[i].timeline.value,
                            wal_ranges[i].from.ToString(), wal_ranges[i].to.ToString());
    AGRI_TRY(Append(text + "\n],\n"));
    // The checksum covers everything before its own line.
    const codec::Sha256Digest digest = digest_.Finish();
    AGRI_TRY(Append(fmt::format("\"Manifest-Checksum\": \"{}\"}}\n", base::ToHex(digest))));
    return Flush();
}

Status BackupManifestWriter::Append(std::string_view text) {
    digest_.Update(base::AsBytes(text));
    buffer_ += text;
    return buffer_.size() < kBufferBytes ? Status{} : Flush();
}

Status BackupManifestWriter::Flush() {
    AGRI_TRY(base::WriteAll(fd_, base::AsBytes(buffer_), path_));
    buffer_.clear();
    return {};
}

bool IsIgnoredByVerifyBackup(std::string_view path) {
    constexpr std::array<std::string_view, 5> kIgnored = {
        "backup_manifest", "pg_wal", "postgresql.auto.conf", "recovery.signal", "standby.signal"};
    const std::string_view first = path.substr(0, path.find('/'));
    return first == "pg_wal" || std::find(kIgnored.begin(), kIgnored.end(), path) != kIgnored.end();
}

std::vector<TimelineStep> BackupWalRanges(const repo::format::ManifestHeader& backup) {
    const TimelineId stop_timeline{backup.stop_timeline()};
    Lsn from{backup.start_lsn()};
    const Lsn stop{backup.stop_lsn()};
    std::vector<TimelineStep> ranges;
    auto history = wal::TimelineHistory::Parse(stop_timeline, backup.timeline_history());
    if (backup.timeline() != backup.stop_timeline() && history)
        for (const wal::HistoryEntry& ancestor : history->ancestors()) {
            if (ancestor.switch_point <= from || ancestor.switch_point > stop) continue;
            ranges.push_back({ancestor.timeline, from, ancestor.switch_point});
            from = ancestor.switch_point;
        }
    ranges.push_back({stop_timeline, from, stop});
    return ranges;
}

}  // namespace agri::engine
