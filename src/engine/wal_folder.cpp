// Archiving a whole pg_wal. Which of its files are the server's last words, which are recycled
// segments waiting to be overwritten, and which one is unfinished is told by their first pages.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <filesystem>
#include <map>

#include "base/file.hpp"
#include "engine/parallel.hpp"
#include "engine/wal_owner.hpp"
#include "engine/wal_push.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::SegmentId;
using base::Status;
using base::TimelineId;
using base::WalFileKind;
using base::WalFileName;

namespace {

base::Error NotPgWal(const std::string& folder) {
    base::Error error = MakeError(ErrorCode::kInvalidArgument,
                                  "\"{}\" is not a pg_wal folder: it holds no WAL file", folder);
    const std::string inside = fmt::format("{}{}pg_wal", folder, folder.ends_with('/') ? "" : "/");
    error.hint = access(inside.c_str(), F_OK) == 0
                     ? fmt::format("Push \"{}\".", inside)
                     : "Give the pg_wal folder of a server, or one of its files.";
    return error;
}

// Whether a server runs on the data directory that the folder is the pg_wal of.
bool ServerIsRunning(const std::string& folder) {
    auto text = base::ReadWholeFile(DataDirectoryOf(folder) + "/postmaster.pid", 64u << 10);
    if (!text) return text.error().code != ErrorCode::kNotFound;
    pid_t pid = 0;
    const std::string_view line = base::AsText(*text);
    std::from_chars(line.data(), line.data() + line.size(), pid);
    return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

class FolderPusher {
   public:
    FolderPusher(WalPusher& pusher, const std::string& folder, const Context& context)
        : pusher_(pusher), folder_(folder), context_(context) {}

    Result<FolderPush> Run() {
        AGRI_ASSIGN(std::vector<WalFileName> files, ListWalFiles(folder_));
        if (files.empty()) return NotPgWal(folder_);
        AGRI_TRY(CheckWalOwner(pusher_.incarnation(), folder_, context_));
        AGRI_TRY(Sort(std::move(files)));
        const uint32_t threads = context_.settings.EffectiveParallel();
        AGRI_TRY(
            ParallelFor(order_.size(), threads, [this](uint64_t i) { return PushOne(order_[i]); }));
        AGRI_TRY(PushUnfinished());
        if (!first_error_) return result_;
        first_error_->detail +=
            fmt::format("{}{} of {} WAL files in \"{}\" could not be archived.",
                        first_error_->detail.empty() ? "" : " ", failed_, order_.size(), folder_);
        return std::move(*first_error_);
    }

   private:
    uint64_t SegmentSize() const { return pusher_.incarnation().info().wal_segment_size(); }
    std::string PathOf(const std::string& name) const { return folder_ + "/" + name; }

    // History files first: a restore needs them to find its way. Then segments in order, behind
    // them what refers to them.
    Status Sort(std::vector<WalFileName> files) {
        std::map<TimelineId, std::vector<SegmentId>> segments;
        std::vector<std::string> rest;
        for (const WalFileName& file : files) {
            if (file.kind == WalFileKind::kHistory) {
                order_.push_back(file.name);
            } else if (file.kind != WalFileKind::kSegment) {
                rest.push_back(file.name);
            } else if (auto segment = SegmentId::Parse(file.name, SegmentSize())) {
                segments[file.timeline].push_back(*segment);
            }
        }
        std::sort(order_.begin(), order_.end());
        std::sort(rest.begin(), rest.end());
        for (auto& [timeline, ids] : segments) AGRI_TRY(AddTimeline(ids));
        order_.insert(order_.end(), rest.begin(), rest.end());
        return {};
    }

    Status AddTimeline(std::vector<SegmentId>& ids) {
        std::sort(ids.begin(), ids.end());
        while (!ids.empty() && !IsItself(ids.back())) ids.pop_back();
        if (ids.empty()) return {};
        AGRI_ASSIGN(bool is_unfinished, IsUnfinished(ids.back()));
        if (is_unfinished) {
            unfinished_.push_back(ids.back().FileName(SegmentSize()));
            ids.pop_back();
        }
        for (SegmentId id : ids) order_.push_back(id.FileName(SegmentSize()));
        return {};
    }

    // Whether the file's first page is that of the segment it is named after: not so for a segment
    // prepared for later.
    bool IsItself(SegmentId id) const {
        const auto header = ReadHeaderOf(PathOf(id.FileName(SegmentSize())));
        return header && wal::CheckSegmentIdentity(*header, {0, id, SegmentSize()}).has_value();
    }

    Result<bool> IsUnfinished(SegmentId id) const {
        const std::string path = PathOf(id.FileName(SegmentSize()));
        AGRI_ASSIGN(base::Bytes content, base::ReadWholeFile(path, SegmentSize()));
        auto scan = wal::ScanSegment(content);
        // What cannot even be begun is no unfinished segment: pushing it says why.
        if (!scan) return false;
        return scan->end.kind == wal::ScanEndKind::kEndsEarly;
    }

    Status PushOne(const std::string& name) {
        AGRI_TRY(context_.cancel.Check());
        Result<WalPushResult> pushed = pusher_.Push(PathOf(name), context_);
        // A running server removes and recycles segments once they are archived.
        if (!pushed && pushed.error().code == ErrorCode::kNotFound) {
            const repo::WalArchive archive(pusher_.incarnation());
            AGRI_ASSIGN(const bool is_archived, archive.Exists(*WalFileName::Parse(name)));
            if (is_archived) pushed = WalPushResult{.outcome = storage::PutOutcome::kExists};
        }
        Count(pushed);
        return {};
    }

    template <class Pushed>
    bool Count(const Result<Pushed>& pushed) {
        std::lock_guard lock(mutex_);
        if (pushed) {
            const bool is_new = pushed->outcome == storage::PutOutcome::kCreated;
            ++(is_new ? result_.archived : result_.already_there);
            return true;
        }
        context_.log->error("{}", pushed.error().ToString());
        ++failed_;
        if (!first_error_) first_error_ = pushed.error();
        return false;
    }

    // Of a dead server these are its last transactions. The newest timeline's is reported.
    Status PushUnfinished() {
        if (unfinished_.empty()) return {};
        result_.left = unfinished_.back();
        if (ServerIsRunning(folder_)) return {};
        for (const std::string& name : unfinished_) {
            AGRI_TRY(context_.cancel.Check());
            auto pushed = pusher_.PushUnfinished(PathOf(name), false, context_);
            if (!Count(pushed)) continue;
            context_.log->info("unfinished WAL segment \"{}\" is saved up to {}", name,
                               pushed->end.ToString());
            if (name == result_.left) result_.left_saved_to = pushed->end;
        }
        return {};
    }

    WalPusher& pusher_;
    const std::string& folder_;
    const Context& context_;
    std::vector<std::string> order_;
    std::vector<std::string> unfinished_;  // one a timeline at most, by timeline
    std::mutex mutex_;
    FolderPush result_;
    uint64_t failed_ = 0;
    std::optional<base::Error> first_error_;
};

}  // namespace

Result<WalPushResult> PushWalFile(WalPusher& pusher, const std::string& path,
                                  const Context& context) {
    const std::filesystem::path place(path);
    const auto file = WalFileName::Parse(place.filename().string());
    if (file && (file->kind == WalFileKind::kHistory || file->kind == WalFileKind::kBackupHistory))
        AGRI_TRY(CheckWalOwner(pusher.incarnation(),
                               place.has_parent_path() ? place.parent_path().string() : ".",
                               context));
    return pusher.Push(path, context);
}

Result<FolderPush> PushWalFolder(WalPusher& pusher, const std::string& folder,
                                 const Context& context) {
    return FolderPusher(pusher, folder, context).Run();
}

}  // namespace agri::engine
