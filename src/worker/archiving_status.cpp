// The figures of archiving. Unknown is null, never 0.
#include "worker/archiving_status.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fstream>

#include "base/version.hpp"
#include "worker/json_value.hpp"
#include "worker/runtime_folder.hpp"

namespace agri::worker {

using nlohmann::json;

namespace {

constexpr std::string_view kStateNames[] = {"starting", "ok", "failing", "clone"};

// Resident memory of this process.
json MemoryBytes() {
    std::ifstream statm("/proc/self/statm");
    uint64_t total_pages = 0, resident_pages = 0;
    if (!(statm >> total_pages >> resident_pages)) return nullptr;
    return resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

json ErrorDocument(const base::Error& error) {
    return {{"code", base::ErrorCodeName(error.code)},
            {"message", error.message},
            {"detail", OrNull(error.detail)},
            {"hint", OrNull(error.hint)}};
}

uint64_t InodeOf(const char* path) {
    struct stat info {};
    return stat(path, &info) == 0 ? info.st_ino : 0;
}

json Text(const json& document, const char* name) {
    auto found = document.find(name);
    return found != document.end() && found->is_string() ? *found : json(nullptr);
}

}  // namespace

ArchivingStatus::ArchivingStatus(const Environment& environment, uint64_t segment_size,
                                 StatusOptions options)
    : environment_(environment),
      segment_size_(segment_size),
      options_(options),
      directory_inode_(InodeOf(".")) {
    Load();
}

void ArchivingStatus::Load() {
    json earlier = ReadState(kArchivingState);
    if (!earlier.is_object() || earlier["data_directory_inode"] != directory_inode_) return;
    last_archived_wal_ = Text(earlier, "last_archived_wal");
    last_archived_time_ = Text(earlier, "last_archived_time");
    last_failed_wal_ = Text(earlier, "last_failed_wal");
    last_failed_time_ = Text(earlier, "last_failed_time");
    failing_since_ = Text(earlier, "failing_since");
}

void ArchivingStatus::Archived(const std::string& name) {
    ++archived_count_;
    last_archived_wal_ = name;
    last_archived_time_ = base::FormatTime(environment_.clock.Now());
    is_changed_ = true;
}

void ArchivingStatus::Failed(const std::string& name, const base::Error& error) {
    if (!name.empty()) {
        ++failed_count_;
        last_failed_wal_ = name;
        last_failed_time_ = base::FormatTime(environment_.clock.Now());
    }
    error_ = error;
    is_changed_ = true;
}

void ArchivingStatus::SetState(ArchivingState state, const base::Error* failure) {
    if (state != state_) is_changed_ = true;
    state_ = state;
    if (state == ArchivingState::kFailing && failing_since_.is_null())
        failing_since_ = base::FormatTime(environment_.clock.Now());
    if (state == ArchivingState::kOk || state == ArchivingState::kClone) {
        failing_since_ = nullptr;
        error_.reset();
    }
    if (failure) error_ = *failure;
}

void ArchivingStatus::SetReady(const ReadyFiles& ready, uint64_t durable) {
    const uint64_t waiting = ready.segments - std::min(ready.segments, durable);
    if (waiting_segments_ != waiting) is_changed_ = true;
    waiting_segments_ = waiting;
    rate_.Add(environment_.clock.Monotonic(), ready.newest_segment, waiting);
}

void ArchivingStatus::SetRepository(const std::string& name, size_t key_slots) {
    if (repository_ != name || key_slots_ != key_slots) is_changed_ = true;
    repository_ = name;
    key_slots_ = key_slots;
}

void ArchivingStatus::AddDisk(json& document) const {
    struct statvfs disk {};
    json free_bytes, until_full;
    const auto rate = rate_.BytesPerSecond(segment_size_);
    if (statvfs("pg_wal", &disk) == 0) {
        free_bytes = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
        const bool fills = state_ == ArchivingState::kFailing || rate_.IsBacklogGrowing();
        if (fills && rate && *rate > 0) until_full = free_bytes.get<uint64_t>() / *rate;
    }
    document["wal_bytes_per_second"] = rate ? json(*rate) : json(nullptr);
    document["disk_free_bytes"] = free_bytes;
    document["seconds_until_disk_full"] = until_full;
}

json ArchivingStatus::Document() const {
    json waiting_bytes;
    if (waiting_segments_) waiting_bytes = *waiting_segments_ * segment_size_;
    json document = {
        {"as_of", base::FormatTime(environment_.clock.Now())},
        {"pid", getpid()},
        {"version", std::string(base::kVersion)},
        {"data_directory_inode", directory_inode_},
        {"state", kStateNames[static_cast<size_t>(state_)]},
        {"repository", OrNull(repository_)},
        {"archived_count", archived_count_},
        {"failed_count", failed_count_},
        {"last_archived_wal", last_archived_wal_},
        {"last_archived_time", last_archived_time_},
        {"last_failed_wal", last_failed_wal_},
        {"last_failed_time", last_failed_time_},
        {"failing_since", failing_since_},
        {"last_error", error_ ? ErrorDocument(*error_) : json(nullptr)},
        {"waiting_segments", waiting_segments_ ? json(*waiting_segments_) : json(nullptr)},
        {"waiting_bytes", waiting_bytes},
        {"key_slots", key_slots_ > 0 ? json(key_slots_) : json(nullptr)},
        {"memory_bytes", MemoryBytes()}};
    AddDisk(document);
    return document;
}

base::MonotonicTime ArchivingStatus::NextWrite() const {
    // A turn for the worse or the better is seen at once; work that goes on is seen now and then.
    if (state_ != written_state_) return written_;
    return written_ + (is_changed_ ? options_.shortest_pause : options_.longest_pause);
}

void ArchivingStatus::WriteIfDue() {
    if (environment_.clock.Monotonic() >= NextWrite()) Write();
}

void ArchivingStatus::Write() {
    written_ = environment_.clock.Monotonic();
    written_state_ = state_;
    is_changed_ = false;
    auto written = WriteState(kArchivingState, Document());
    if (!written && !write_failed_) environment_.log->warn("{}", written.error().ToString());
    write_failed_ = !written;
}

}  // namespace agri::worker
