// Stands in for a running server, where only its process and its place matter.
#pragma once

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace agri::test {

// A process that looks like a postmaster: its name, and a data directory as working directory.
class FakePostmaster {
   public:
    FakePostmaster(const std::string& folder, const char* name) {
        int ready[2];
        EXPECT_EQ(pipe(ready), 0);
        EXPECT_EQ(pipe(stop_), 0);
        pid_ = fork();
        if (pid_ == 0) {
            close(stop_[1]);
            prctl(PR_SET_NAME, name);
            char byte = chdir(folder.c_str()) == 0 ? 'y' : 'n';
            (void)!write(ready[1], &byte, 1);
            (void)!read(stop_[0], &byte, 1);
            _exit(0);
        }
        char byte = 0;
        EXPECT_EQ(read(ready[0], &byte, 1), 1);
        EXPECT_EQ(byte, 'y');
        close(ready[0]);
        close(ready[1]);
    }
    ~FakePostmaster() {
        close(stop_[0]);
        close(stop_[1]);
        waitpid(pid_, nullptr, 0);
    }
    pid_t pid() const { return pid_; }

   private:
    int stop_[2];
    pid_t pid_ = -1;
};

}  // namespace agri::test
