// A forked child that a test owns: ended and reaped when the test ends, waited for with a deadline.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <optional>

#include "base/file.hpp"

namespace agri::test {

inline constexpr int kDeadlineMs = 60000;

class Child {
   public:
    // Runs `body` in a child; its value is the exit status.
    explicit Child(const std::function<int()>& body) : pid_(fork()) {
        if (pid_ == 0) _exit(body());
        if (pid_ < 0) throw std::runtime_error("fork failed");
        pidfd_ = base::Fd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    }
    ~Child() { Kill(); }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    pid_t pid() const { return pid_; }
    bool IsRunning() const {
        pollfd polled{pidfd_.get(), POLLIN, 0};
        return !reaped_ && poll(&polled, 1, 0) == 0;
    }
    void Signal(int number) { kill(pid_, number); }
    // Its exit status; nullopt when it did not end in time or by a signal.
    std::optional<int> AwaitExit() {
        pollfd polled{pidfd_.get(), POLLIN, 0};
        if (reaped_ || poll(&polled, 1, kDeadlineMs) <= 0) return std::nullopt;
        int status = 0;
        reaped_ = waitpid(pid_, &status, 0) == pid_;
        return WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
    }
    void Kill() {
        if (reaped_) return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        reaped_ = true;
    }

   private:
    pid_t pid_;
    base::Fd pidfd_;
    bool reaped_ = false;
};

}  // namespace agri::test
