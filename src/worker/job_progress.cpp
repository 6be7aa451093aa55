// The rate is that of the last ten seconds: what people expect of "remaining".
#include "worker/job_progress.hpp"

#include <unistd.h>

#include "worker/json_value.hpp"
#include "worker/runtime_folder.hpp"

namespace agri::worker {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds kInterval(500);
constexpr std::chrono::seconds kRateWindow(10);

}  // namespace

JobProgress::JobProgress(JobIdentity job, const engine::Progress& progress,
                         const base::Clock& clock)
    : job_(std::move(job)),
      progress_(progress),
      clock_(clock),
      path_(fmt::format("{}/{}.json", kJobsFolder, job_.job)),
      started_(clock.Now()) {
    Write();
    thread_ = std::thread([this] { Work(); });
}

JobProgress::~JobProgress() {
    {
        std::lock_guard lock(mutex_);
        ended_ = true;
        wake_.notify_all();
    }
    thread_.join();
    unlink(path_.c_str());
}

void JobProgress::SetBackup(const std::string& backup_id) {
    std::lock_guard lock(mutex_);
    backup_id_ = backup_id;
}

void JobProgress::Work() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, kInterval, [&] { return ended_; })) {
        lock.unlock();
        try {
            Write();
        } catch (const std::exception&) {
            // Progress is for showing: the job goes on without.
        }
        lock.lock();
    }
}

void JobProgress::Write() {
    const auto written = WriteState(path_, Document());
    (void)written;  // as above
}

json JobProgress::BytesPerSecond(uint64_t bytes_done) {
    samples_.push_back({clock_.Monotonic(), bytes_done});
    while (samples_.back().time - samples_.front().time > kRateWindow) samples_.pop_front();
    const std::chrono::duration<double> span = samples_.back().time - samples_.front().time;
    if (span.count() <= 0) return nullptr;
    const uint64_t moved = bytes_done - std::min(bytes_done, samples_.front().bytes);
    return static_cast<uint64_t>(static_cast<double>(moved) / span.count());
}

json JobProgress::Document() {
    const uint64_t done = progress_.bytes_done, total = progress_.bytes_total;
    const json rate = BytesPerSecond(done);
    json remaining;
    if (total > 0 && rate.is_number() && rate.get<uint64_t>() > 0)
        remaining = (total - std::min(total, done)) / rate.get<uint64_t>();
    std::lock_guard lock(mutex_);
    return {{"as_of", base::FormatTime(clock_.Now())},
            {"job", job_.job},
            {"kind", job_.kind},
            {"pid", getpid()},
            {"backup_id", backup_id_.empty() ? json(nullptr) : json(backup_id_)},
            {"phase", progress_.phase()},
            {"bytes_done", done},
            {"bytes_total", OrNull(total)},
            {"files_done", progress_.files_done.load()},
            {"files_total", OrNull(progress_.files_total)},
            {"stored_bytes", progress_.stored_bytes.load()},
            {"bytes_per_second", rate},
            {"seconds_remaining", remaining},
            {"started", base::FormatTime(started_)}};
}

}  // namespace agri::worker
