// Whether the server still runs: the archiving process outlives every process of it but the
// postmaster.
#pragma once

#include <sys/types.h>

#include "base/file.hpp"

namespace agri::worker {

class PostmasterWatch {
   public:
    // The pid as it was told by a child of that postmaster just now.
    explicit PostmasterWatch(pid_t pid);
    // Readable once the postmaster is gone; -1 where the kernel has no pidfd: ask IsGone from time
    // to time.
    int fd() const { return pidfd_.get(); }
    bool IsGone() const;

   private:
    pid_t pid_;
    base::Fd pidfd_;
    bool was_gone_ = false;
};

}  // namespace agri::worker
