// The recipe is part of the format page ("Sealing"), although no reader depends on it: uniqueness
// is.
#include "repo/salt.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>

#include "base/clock.hpp"
#include "codec/digest.hpp"
#include "repo/machine.hpp"

namespace agri::repo {

std::array<std::byte, 32> FreshSalt(base::Random& random) {
    static std::atomic<uint64_t> counter{0};
    static const std::string boot_id = BootId().value_or("");
    std::array<std::byte, 32> fresh;
    random.Fill(fresh);
    const base::Clock& clock = base::SystemClock();
    codec::Sha256Stream digest;
    digest.Update(fresh);
    digest.Update(base::AsBytes(fmt::format("{}\n{}\n{}\n{}\n{}\n{}", HostName(), boot_id, getpid(),
                                            clock.Now().time_since_epoch().count(),
                                            clock.Monotonic().time_since_epoch().count(),
                                            counter.fetch_add(1, std::memory_order_relaxed))));
    return digest.Finish();
}

}  // namespace agri::repo
