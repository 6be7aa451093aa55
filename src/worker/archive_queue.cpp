// Order: what the archiver waits for, then what it will ask for next. While the storage is out of
// order only one file at a time is tried, when it is due.
#include "worker/archive_queue.hpp"

#include <algorithm>

#include "worker/ready_folder.hpp"

namespace agri::worker {

using base::MonotonicTime;

void ArchiveQueue::Request(const std::string& name, const FileStamp& stamp) {
    auto durable = durable_.find(name);
    if (durable != durable_.end() && durable->second != stamp) durable_.erase(durable);
    if (std::find(requested_.begin(), requested_.end(), name) == requested_.end())
        requested_.push_back(name);
}

void ArchiveQueue::KeepRequested(const std::set<std::string>& names) {
    std::erase_if(requested_, [&](const std::string& name) { return !names.count(name); });
}

void ArchiveQueue::SetReady(std::vector<std::string> names, bool complete) {
    ready_ = std::move(names);
    std::set<std::string_view> wanted(ready_.begin(), ready_.end());
    wanted.insert(requested_.begin(), requested_.end());
    wanted.insert(in_work_.begin(), in_work_.end());
    // Not listed, and not behind the end of an incomplete list: its .ready is gone.
    auto is_gone = [&](const auto& entry) {
        return !wanted.count(entry.first) &&
               (complete || ready_.empty() || ArchivesBefore(entry.first, ready_.back()));
    };
    std::erase_if(durable_, is_gone);
    std::erase_if(failures_, is_gone);
}

void ArchiveQueue::StartOver(MonotonicTime now) {
    durable_.clear();
    Hurry(now);
}

void ArchiveQueue::Hurry(MonotonicTime now) {
    if (outage_) outage_->backoff.Hurry(now);
    for (auto& [name, failure] : failures_) failure.backoff.Hurry(now);
}

bool ArchiveQueue::MayTake(const std::string& name, MonotonicTime now) const {
    if (in_work_.count(name) || durable_.count(name)) return false;
    auto failure = failures_.find(name);
    return failure == failures_.end() || failure->second.backoff.due() <= now;
}

std::optional<std::string> ArchiveQueue::Choose(MonotonicTime now) const {
    for (const std::string& name : requested_)
        if (MayTake(name, now)) return name;
    if (durable_.size() + in_work_.size() >= options_.remembered) return std::nullopt;
    for (const std::string& name : ready_)
        if (MayTake(name, now)) return name;
    return std::nullopt;
}

std::optional<ArchiveWork> ArchiveQueue::Take(MonotonicTime now) {
    if (in_work_.size() >= options_.parallel) return std::nullopt;
    if (outage_ && (!in_work_.empty() || outage_->backoff.due() > now)) return std::nullopt;
    std::optional<std::string> name = Choose(now);
    if (!name && !outage_) return std::nullopt;
    ArchiveWork work{name.value_or("")};
    in_work_.insert(work.name);
    return work;
}

std::optional<ArchiveWork> ArchiveQueue::TakeProbe() {
    if (!in_work_.insert("").second) return std::nullopt;
    return ArchiveWork{};
}

void ArchiveQueue::FinishDurable(const ArchiveWork& work, const FileStamp& stamp) {
    in_work_.erase(work.name);
    outage_.reset();
    failures_.erase(work.name);
    if (!work.IsProbe()) durable_.insert_or_assign(work.name, stamp);
}

void ArchiveQueue::FinishFailed(const ArchiveWork& work, ArchiveFailure failure,
                                MonotonicTime now) {
    in_work_.erase(work.name);
    if (failure.scope == FailureScope::kStorage) {
        if (!outage_)
            outage_.emplace(Failure{failure.error, Backoff(options_.backoff), next_order_++});
        outage_->error = std::move(failure.error);
        // Those that were in work together failed together: that is one failure.
        if (outage_->backoff.due() <= now) outage_->backoff.Fail(now, random_);
        return;
    }
    // The storage answered, whatever it thinks of this file.
    outage_.reset();
    auto [entry, is_new] = failures_.try_emplace(
        work.name, Failure{failure.error, Backoff(options_.backoff), next_order_});
    if (is_new) ++next_order_;
    entry->second.error = std::move(failure.error);
    entry->second.backoff.Fail(now, random_);
}

const base::Error* ArchiveQueue::FailureOf(const std::string& name, MonotonicTime now) const {
    if (in_work_.count(name)) return nullptr;
    if (outage_) {
        bool is_next = in_work_.empty() && outage_->backoff.due() <= now && Choose(now) == name;
        return is_next ? nullptr : &outage_->error;
    }
    auto failure = failures_.find(name);
    if (failure == failures_.end() || failure->second.backoff.due() <= now) return nullptr;
    return &failure->second.error;
}

const base::Error* ArchiveQueue::CurrentFailure() const {
    if (outage_) return &outage_->error;
    auto oldest = std::min_element(
        failures_.begin(), failures_.end(),
        [](const auto& a, const auto& b) { return a.second.order < b.second.order; });
    return oldest == failures_.end() ? nullptr : &oldest->second.error;
}

std::optional<MonotonicTime> ArchiveQueue::NextDue(MonotonicTime now) const {
    std::optional<MonotonicTime> next;
    auto consider = [&](const Failure& failure) {
        const MonotonicTime due = failure.backoff.due();
        if (due > now && (!next || due < *next)) next = due;
    };
    if (outage_) consider(*outage_);
    for (const auto& [name, failure] : failures_) consider(failure);
    return next;
}

}  // namespace agri::worker
