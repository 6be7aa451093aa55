// The arithmetic of waiting between attempts.
#include "storage/retry_policy.hpp"

#include <algorithm>
#include <array>

namespace agri::storage {

using base::ErrorCode;
using std::chrono::milliseconds;

bool RetryPolicy::ShallRetry(Series& series, base::Error& error) const {
    series.failures++;
    if (error.code == ErrorCode::kIo)
        return series.kind == Retrying::kRead && series.failures < options_.io_read_attempts;
    if (error.code != ErrorCode::kUnavailable) return false;
    auto spent = std::chrono::duration_cast<milliseconds>(clock_.Monotonic() - series.start);
    if (spent < options_.deadline) return true;
    if (!error.detail.empty()) error.detail += ' ';
    error.detail += fmt::format("Tried {} times in {} s.", series.failures, spent.count() / 1000);
    return false;
}

base::Status RetryPolicy::Wait(const Series& series) const {
    milliseconds bound = options_.first_delay;
    for (int i = 1; i < series.failures && bound < options_.longest_delay; i++) bound *= 2;
    bound = std::min(bound, options_.longest_delay);
    std::array<std::byte, 8> bytes;
    random_.Fill(bytes);
    uint64_t below = static_cast<uint64_t>(bound.count()) + 1;
    return wait_(milliseconds(base::LoadLe<uint64_t>(bytes.data()) % below));
}

}  // namespace agri::storage
