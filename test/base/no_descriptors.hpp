// Leaves this process without a free descriptor while it lives.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>
#include <vector>

#include "base/file.hpp"

namespace agri::test {

class NoDescriptors {
   public:
    NoDescriptors() {
        getrlimit(RLIMIT_NOFILE, &before_);
        rlimit few = before_;
        few.rlim_cur = std::min<rlim_t>(before_.rlim_cur, 256);
        setrlimit(RLIMIT_NOFILE, &few);
        for (base::Fd fd(Open()); fd; fd = base::Fd(Open())) taken_.push_back(std::move(fd));
    }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;
    ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

   private:
    static int Open() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

    rlimit before_{};
    std::vector<base::Fd> taken_;
};

}  // namespace agri::test
