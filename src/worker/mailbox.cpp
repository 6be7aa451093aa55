// The eventfd is drained before the letters are taken: one posted in between wakes the loop again.
#include "worker/mailbox.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace agri::worker {

Mailbox::Mailbox() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!event_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void Mailbox::Post(std::function<void()> letter) {
    std::lock_guard lock(mutex_);
    letters_.push_back(std::move(letter));
    const uint64_t one = 1;
    // Only a counter about to overflow refuses the write, and then the descriptor is readable.
    [[maybe_unused]] const ssize_t written = write(event_.get(), &one, sizeof(one));
}

void Mailbox::RunAll() {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(event_.get(), &count, sizeof(count));
    std::vector<std::function<void()>> letters;
    {
        std::lock_guard lock(mutex_);
        letters.swap(letters_);
    }
    for (auto& letter : letters) letter();
}

}  // namespace agri::worker
