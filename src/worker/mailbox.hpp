// How threads speak to a poll loop: closures, run on the loop's thread, and a descriptor that
// becomes readable when there are some.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "base/file.hpp"

namespace agri::worker {

// Post is thread-safe; the rest belongs to the loop's thread.
class Mailbox {
   public:
    Mailbox();
    void Post(std::function<void()> letter);
    int fd() const { return event_.get(); }
    // Runs everything that was posted.
    void RunAll();

   private:
    base::Fd event_;
    std::mutex mutex_;
    std::vector<std::function<void()>> letters_;
};

}  // namespace agri::worker
