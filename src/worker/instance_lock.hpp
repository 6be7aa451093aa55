// At most one archiving process works on a data directory: a lock that dies with its holder. A
// newly started one asks the holder to hand over and waits; whoever holds the lock owns the socket.
#pragma once

#include "worker/environment.hpp"
#include "worker/postmaster_watch.hpp"

namespace agri::worker {

class InstanceLock {
   public:
    struct Wait {
        const PostmasterWatch& postmaster;
        const base::CancelToken& signal;
        // Once its other end is closed somebody newer may hold the lock: it is not asked to go.
        int control_fd = -1;
    };
    // Waits for the lock, however long the holder takes. kCancelled when the postmaster or the wish
    // to run is gone.
    static base::Result<InstanceLock> Acquire(const Wait& wait, base::Logger& log);

   private:
    explicit InstanceLock(base::Fd file) : file_(std::move(file)) {}
    base::Fd file_;
};

}  // namespace agri::worker
