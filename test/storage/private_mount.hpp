// Mounts that only one thread sees: a full or read-only filesystem, or one that vanishes, without a
// trace left on the machine. Needs the right to mount (root, or a container that grants it).
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>

namespace agri::test {

// Runs `body` in a thread with a mount namespace of its own, where everything it mounts goes away
// with the thread. False when the machine does not allow it; `body` has not run then.
inline bool WithPrivateMounts(const std::function<void()>& body) {
    bool allowed = false;
    std::thread thread([&] {
        allowed = unshare(CLONE_NEWNS) == 0 &&
                  mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
        if (allowed) body();
    });
    thread.join();
    return allowed;
}

inline void MountTmpfs(const std::string& path, const char* options) {
    ASSERT_EQ(mount("none", path.c_str(), "tmpfs", 0, options), 0) << strerror(errno);
}

// Runs `body` in a thread that has files' rights of nobody, while the process stays what it is: the
// raw call changes one thread only. False when not root.
inline bool AsNobody(const std::function<void()>& body) {
    if (geteuid() != 0) return false;
    std::thread thread([&] {
        syscall(SYS_setfsuid, 65534);
        body();
    });
    thread.join();
    return true;
}

}  // namespace agri::test

#define AGRI_NEEDS_ROOT(ran) \
    if (!(ran)) GTEST_SKIP() << "needs root, or the right to mount"
