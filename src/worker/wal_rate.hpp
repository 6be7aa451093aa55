// How fast WAL is written, told from outside the server: by the newest segment that archive_status
// ever named. Says nothing (nullopt) until it was watched for a while.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/clock.hpp"

namespace agri::worker {

class WalRate {
   public:
    // `newest_segment`: its number; `waiting`: segments that are not yet durable.
    void Add(base::MonotonicTime now, uint64_t newest_segment, uint64_t waiting) {
        if (newest_segment == 0) return;
        if (!samples_.empty() && newest_segment < samples_.back().newest) samples_.clear();
        if (!samples_.empty() && now - samples_.back().time < kStep) return;
        samples_.push_back({now, newest_segment, waiting});
        while (samples_.back().time - samples_.front().time > kWindow) samples_.pop_front();
    }
    std::optional<uint64_t> BytesPerSecond(uint64_t segment_size) const {
        if (samples_.size() < 2) return std::nullopt;
        const std::chrono::duration<double> span = samples_.back().time - samples_.front().time;
        const uint64_t written = samples_.back().newest - samples_.front().newest;
        return static_cast<uint64_t>(static_cast<double>(written * segment_size) / span.count());
    }
    bool IsBacklogGrowing() const {
        return samples_.size() >= 2 && samples_.back().waiting > samples_.front().waiting + 1;
    }

   private:
    static constexpr std::chrono::seconds kStep{5};
    static constexpr std::chrono::minutes kWindow{10};
    struct Sample {
        base::MonotonicTime time;
        uint64_t newest, waiting;
    };
    std::deque<Sample> samples_;
};

}  // namespace agri::worker
