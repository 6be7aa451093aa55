// The kernel's random numbers. Keys rest on them, so there is no weaker source to fall back to: a
// kernel that refuses is a broken assumption and ends the process.
#include "base/random.hpp"

#include <sys/random.h>

#include <cerrno>
#include <system_error>

namespace agri::base {

namespace {

class KernelRandom final : public Random {
   public:
    void Fill(MutableBytes out) override {
        while (!out.empty()) {
            const ssize_t filled = getrandom(out.data(), out.size(), 0);
            if (filled < 0 && errno == EINTR) continue;
            if (filled < 0) throw std::system_error(errno, std::generic_category(), "getrandom");
            out = out.subspan(static_cast<size_t>(filled));
        }
    }
};

}  // namespace

Random& SystemRandom() {
    // Never destroyed: threads may still draw from it while the process exits.
    static KernelRandom* const random = new KernelRandom;
    return *random;
}

}  // namespace agri::base
